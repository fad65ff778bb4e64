import { isKind, LongshoreError } from "#kernel";
import type { Endpoint, Network } from "#networks";
import { filterFlag, labelsMatch, namePattern, parseFilters, untilOf } from "../server/query.ts";
import type { Call } from "../server/call.ts";
import type { Route } from "../server/router.ts";
import { parseEndpoint } from "../wire/container-settings.ts";
import { inspectNetwork, networkShape, parseNetworkCreate } from "../wire/networks.ts";
import { answerUnmet } from "../wire/unmet.ts";
import { UNMET_AT_CONNECT, UNMET_AT_NETWORK_CREATE } from "../wire/unmet-settings.ts";
import { ANSWERS_AT_CONNECT } from "./inert.ts";
import { flag, object, text } from "../wire/shape.ts";
import type { Rooms } from "./rooms.ts";

const connectShape = object({ Container: text(""), EndpointConfig: parseEndpoint });
const disconnectShape = object({ Container: text(""), Force: flag(false) });

export function networkRoutes(rooms: Rooms): readonly Route[] {
  const { networks, containers, events } = rooms;
  const members = (network: Network): readonly (Endpoint & { readonly containerName: string })[] =>
    networks.endpoints(network.id).map((endpoint) => ({
      ...endpoint,
      containerName: containers.list().find((container) => container.id === endpoint.containerId)?.name ?? "",
    }));
  const tell = (network: Network, action: string, container: string): void =>
    void events.publish({
      type: "network",
      action,
      actorId: network.id,
      attributes: { name: network.name, type: network.driver, container },
    });
  const list = async (call: Call): Promise<void> => {
    const filters = parseFilters(call.query, [
      "dangling",
      "driver",
      "id",
      "label",
      "label!",
      "name",
      "scope",
      "type",
    ]);
    const some = (key: string, test: (value: string) => boolean): boolean =>
      (filters.get(key) ?? [undefined]).some((value) => value === undefined || test(value));
    const isDangling = filterFlag(filters, "dangling");
    const names = (filters.get("name") ?? []).map((pattern) => namePattern("name", pattern));
    const predefined = (network: Network): boolean => ["bridge", "host", "none"].includes(network.name);
    for (const type of filters.get("type") ?? [])
      if (type !== "builtin" && type !== "custom")
        throw new LongshoreError("invalid", `invalid filter: 'type'='${type}'`);
    const found = networks
      .list()
      .filter(
        (network) =>
          labelsMatch(filters, network.labels) &&
          some("driver", (value) => network.driver === value) &&
          some("id", (value) => network.id.startsWith(value)) &&
          (!filters.has("name") || names.some((fits) => fits(network.name))) &&
          some("scope", (value) => network.scope === value) &&
          some("type", (value) => (value === "builtin") === predefined(network)) &&
          (isDangling === undefined ||
            isDangling === (!predefined(network) && networks.endpoints(network.id).length === 0)),
      );
    call.reply(
      200,
      found.map((network) => inspectNetwork(network, undefined, call.minor)),
    );
  };
  return [
    { method: "GET", path: "/networks", takes: { query: ["filters"] }, handle: list },
    { method: "GET", path: "/networks/", takes: { query: ["filters"] }, handle: list },
    {
      method: "POST",
      path: "/networks/create",
      takes: {
        body: networkShape,
        unmet: UNMET_AT_NETWORK_CREATE,
        inert: { CheckDuplicate: "names are always unique" },
      },
      handle: async (call) => {
        const { network, warning } = await networks.create(
          parseNetworkCreate(await call.json()),
          call.signal,
        );
        call.reply(201, { Id: network.id, Warning: warning });
      },
    },
    {
      method: "POST",
      path: "/networks/prune",
      takes: { query: ["filters"] },
      handle: async (call) => {
        const filters = parseFilters(call.query, ["until", "label", "label!"]);
        const until = untilOf(filters, rooms.clock.now());
        const wanted = new Set(
          containers
            .list()
            .flatMap((container) => (container.state.pid === 0 ? [] : Object.keys(container.endpoints))),
        );
        const removed = await networks.prune(
          (network) =>
            !wanted.has(network.name) &&
            labelsMatch(filters, network.labels) &&
            Date.parse(network.createdAt) < until,
        );
        call.reply(200, { NetworksDeleted: removed.length === 0 ? null : removed });
      },
    },
    {
      method: "GET",
      path: "/networks/{id}",
      takes: { query: ["verbose", "scope"] },
      handle: async (call) => {
        const verbose = call.query.get("verbose") ?? "";
        // A network of one machine has no services to tell of: the word is only checked, as Docker does.
        if (!["", "0", "1", "t", "f", "true", "false"].includes(verbose.toLowerCase()))
          throw new LongshoreError("invalid", `invalid value for verbose: ${verbose}`);
        const network = networks.get(call.parameter("id"));
        const scope = call.query.get("scope") ?? "";
        if (scope !== "" && scope !== network.scope)
          throw new LongshoreError("not_found", `network ${call.parameter("id")} not found`);
        call.reply(200, inspectNetwork(network, members(network), call.minor));
      },
    },
    {
      method: "DELETE",
      path: "/networks/{id}",
      handle: async (call) => {
        await networks.remove(call.parameter("id"));
        call.done(204);
      },
    },
    {
      method: "POST",
      path: "/networks/{id}/connect",
      takes: { body: connectShape, unmet: UNMET_AT_CONNECT, inert: ANSWERS_AT_CONNECT },
      handle: async (call) => {
        const body = await call.json();
        const { Container, EndpointConfig } = connectShape(body, "");
        answerUnmet(UNMET_AT_CONNECT, body);
        const network = networks.get(call.parameter("id"));
        const container = containers.get(Container);
        await containers.connect(container.id, network.id, EndpointConfig, call.signal);
        tell(network, "connect", container.id);
        call.done(200);
      },
    },
    {
      method: "POST",
      path: "/networks/{id}/disconnect",
      takes: { body: disconnectShape },
      handle: async (call) => {
        const { Container, Force } = disconnectShape(await call.json(), "");
        const network = networks.get(call.parameter("id"));
        try {
          const container = containers.get(Container);
          await containers.disconnect(container.id, network.id, Force);
          tell(network, "disconnect", container.id);
        } catch (error) {
          if (!Force || !isKind(error, "not_found")) throw error;
        }
        call.done(200);
      },
    },
  ];
}
