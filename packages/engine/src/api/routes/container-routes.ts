import { LongshoreError } from "#kernel";
import type { Container } from "#containers";
import type { Call } from "../server/call.ts";
import { flag, labelsMatch, parseFilters, untilOf, wholeNumber } from "../server/query.ts";
import type { Route } from "../server/router.ts";
import { inspectContainer, summariseContainer, type InspectContext } from "../wire/container-inspect.ts";
import { parsePlatform } from "../wire/platform.ts";
import { createShape, parseCreate, parseUpdate, updateShape } from "../wire/container-settings.ts";
import { UNMET_AT_CREATE, UNMET_AT_UPDATE } from "../wire/unmet-settings.ts";
import { DetachKeys } from "../server/detach-keys.ts";
import { containerFits, LIST_FILTERS } from "./container-filters.ts";
import { INERT_AT_CREATE } from "./inert.ts";
import type { Rooms } from "./rooms.ts";
import { streamStats } from "./stats-route.ts";

/** Changes of state are not given up half way when the client goes away. */
const toTheEnd = new AbortController().signal;

export function containerRoutes(rooms: Rooms): readonly Route[] {
  const { containers } = rooms;
  const stopOptions = (call: Call): { signal?: string; timeoutSeconds?: number } => {
    const timeoutSeconds = wholeNumber(call.query, "t");
    const signal = call.query.get("signal") ?? "";
    return {
      ...(timeoutSeconds !== undefined && { timeoutSeconds }),
      ...(signal !== "" && call.minor >= 42 && { signal }),
    };
  };
  return [
    {
      method: "GET",
      path: "/containers/json",
      takes: { query: ["all", "limit", "size", "filters"] },
      handle: (call) => listContainers(rooms, call),
    },
    {
      method: "POST",
      path: "/containers/create",
      takes: {
        query: ["name", "platform"],
        body: createShape,
        unmet: UNMET_AT_CREATE,
        inert: INERT_AT_CREATE,
      },
      handle: async (call) => {
        const name = call.query.get("name") ?? "";
        const { warnings, ...parsed } = parseCreate(await call.json(), call.minor);
        const platform = parsePlatform(call.query.get("platform") ?? "");
        const made = await containers.create(
          { ...parsed, ...(name !== "" && { name }), ...(platform !== undefined && { platform }) },
          call.signal,
        );
        call.reply(201, { Id: made.id, Warnings: [...warnings, ...made.warnings] });
      },
    },
    {
      method: "GET",
      path: "/containers/{id}/json",
      takes: { query: ["size"] },
      handle: async (call) => {
        const container = containers.get(call.parameter("id"));
        const sizes = flag(call.query, "size")
          ? await containers.sizes(container.id, call.signal)
          : undefined;
        call.reply(200, inspectContainer(container, contextOf(rooms, container), call.minor, sizes));
      },
    },
    {
      method: "POST",
      path: "/containers/{id}/start",
      takes: {
        query: ["detachKeys"],
        refusedQuery: { checkpoint: "checkpoint is only supported in experimental mode" },
      },
      handle: async (call) => {
        if (Number(call.headers["content-length"] ?? 0) > 7)
          throw new LongshoreError(
            "invalid",
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
          );
        DetachKeys.check(call.query.get("detachKeys") ?? "");
        await containers.start(call.parameter("id"), toTheEnd);
        call.done(204);
      },
    },
    {
      method: "POST",
      path: "/containers/{id}/stop",
      takes: { query: ["signal", "t"] },
      handle: async (call) => (
        await containers.stop(call.parameter("id"), stopOptions(call), toTheEnd),
        call.done(204)
      ),
    },
    {
      method: "POST",
      path: "/containers/{id}/restart",
      takes: { query: ["signal", "t"] },
      handle: async (call) => (
        await containers.restart(call.parameter("id"), stopOptions(call), toTheEnd),
        call.done(204)
      ),
    },
    {
      method: "POST",
      path: "/containers/{id}/kill",
      takes: { query: ["signal"] },
      handle: async (call) => (
        await containers.kill(call.parameter("id"), call.query.get("signal") ?? "", toTheEnd),
        call.done(204)
      ),
    },
    {
      method: "POST",
      path: "/containers/{id}/pause",
      handle: async (call) => (await containers.pause(call.parameter("id")), call.done(204)),
    },
    {
      method: "POST",
      path: "/containers/{id}/unpause",
      handle: async (call) => (await containers.unpause(call.parameter("id")), call.done(204)),
    },
    {
      method: "POST",
      path: "/containers/{id}/rename",
      takes: { query: ["name"] },
      handle: async (call) => (
        await containers.rename(call.parameter("id"), call.query.get("name") ?? ""),
        call.done(204)
      ),
    },
    {
      method: "POST",
      path: "/containers/{id}/update",
      takes: { body: updateShape, unmet: UNMET_AT_UPDATE },
      handle: async (call) => {
        const { patch, warnings } = parseUpdate(await call.json());
        const more = await containers.update(call.parameter("id"), patch);
        call.reply(200, { Warnings: [...warnings, ...more] });
      },
    },
    {
      method: "DELETE",
      path: "/containers/{id}",
      takes: {
        query: ["v", "force"],
        refusedQuery: { link: "removing links is not supported by this engine" },
      },
      handle: async (call) => {
        await containers.remove(
          call.parameter("id"),
          { isForced: flag(call.query, "force"), hasVolumes: flag(call.query, "v") },
          toTheEnd,
        );
        call.done(204);
      },
    },
    {
      method: "POST",
      path: "/containers/{id}/wait",
      takes: { query: ["condition"] },
      handle: async (call) => {
        const text = call.query.get("condition") ?? "";
        const condition = text === "" || (call.minor < 30 && text !== "") ? "not-running" : text;
        if (condition !== "not-running" && condition !== "next-exit" && condition !== "removed")
          throw new LongshoreError("invalid", `invalid condition: "${condition}"`);
        const { id } = containers.get(call.parameter("id"));
        const ended = containers.wait(id, condition, call.signal);
        call.startStream("application/json");
        const { code, error } = await ended;
        call.response.end(
          `${JSON.stringify({ StatusCode: code, ...(error !== undefined && { Error: { Message: error } }) })}\n`,
        );
      },
    },
    {
      method: "POST",
      path: "/containers/{id}/resize",
      takes: { query: ["h", "w"] },
      handle: async (call) => {
        const { rows, columns } = sizeOf(call);
        await containers.resize(call.parameter("id"), rows, columns);
        call.done(200);
      },
    },
    {
      method: "GET",
      path: "/containers/{id}/top",
      takes: { query: ["ps_args"] },
      handle: async (call) => {
        const { titles, processes } = await containers.top(
          call.parameter("id"),
          call.query.get("ps_args") ?? "",
          call.signal,
        );
        call.reply(200, { Titles: titles, Processes: processes });
      },
    },
    {
      method: "GET",
      path: "/containers/{id}/changes",
      handle: async (call) => {
        const kinds = { modified: 0, added: 1, deleted: 2 };
        const changes = await containers.changes(call.parameter("id"), call.signal);
        call.reply(
          200,
          changes.length === 0
            ? null
            : changes.map((change) => ({ Path: change.path, Kind: kinds[change.kind] })),
        );
      },
    },
    {
      method: "GET",
      path: "/containers/{id}/export",
      handle: async (call) => {
        const tar = await containers.exportRoot(call.parameter("id"), call.signal);
        call.startStream("application/x-tar");
        for await (const chunk of tar) await call.write(chunk);
        call.response.end();
      },
    },
    {
      method: "GET",
      path: "/containers/{id}/stats",
      takes: { query: ["stream", "one-shot"] },
      handle: (call) => streamStats(rooms, call),
    },
    {
      method: "POST",
      path: "/containers/prune",
      takes: { query: ["filters"] },
      handle: async (call) => {
        const matches = prunedContainers(call.query, rooms.clock.now());
        const { removed, reclaimedBytes } = await containers.prune(matches, call.signal);
        call.reply(200, {
          ContainersDeleted: removed.length === 0 ? null : removed,
          SpaceReclaimed: reclaimedBytes,
        });
      },
    },
  ];
}

/** What a prune's filters mean. */
export function prunedContainers(query: URLSearchParams, now: Date): (container: Container) => boolean {
  const filters = parseFilters(query, ["until", "label", "label!"]);
  const until = untilOf(filters, now);
  return (container) =>
    labelsMatch(filters, container.settings.Labels) && Date.parse(container.createdAt) < until;
}

export function sizeOf(call: Call): { rows: number; columns: number } {
  const side = (key: "h" | "w", what: string): number => {
    const text = call.query.get(key) ?? "";
    const value = Number(text);
    if (/^\d{1,5}$/.test(text) && value <= 65_535) return value;
    const why = /^-?\d+$/.test(text) ? "value out of range" : "invalid syntax";
    throw new LongshoreError("invalid", `invalid resize ${what} ${JSON.stringify(text)}: ${why}`);
  };
  return { rows: side("h", "height"), columns: side("w", "width") };
}

export function contextOf(rooms: Rooms, container: Container): InspectContext {
  return {
    live: rooms.containers.live(container.id),
    driver: rooms.layers.driver,
    nameOf: (id) => rooms.containers.list().find((other) => other.id === id)?.name ?? id,
    networkId: (name) =>
      rooms.networks.list().find((network) => network.name === name || network.id === name)?.id ?? "",
  };
}

async function listContainers(rooms: Rooms, call: Call): Promise<void> {
  const filters = parseFilters(call.query, LIST_FILTERS);
  const limit = wholeNumber(call.query, "limit") ?? 0;
  const isAll = flag(call.query, "all") || limit > 0 || filters.has("status");
  const hasSizes = flag(call.query, "size");
  const fits = containerFits(rooms, filters);
  let found = rooms.containers
    .list()
    .toReversed()
    .filter(
      (container) =>
        (isAll || ["running", "paused", "restarting"].includes(container.state.status)) && fits(container),
    );
  for (const key of ["before", "since"] as const) {
    const [name] = filters.get(key) ?? [];
    if (name === undefined) continue;
    const pivot = rooms.containers.get(name).createdAt;
    found = found.filter((container) =>
      key === "before" ? container.createdAt < pivot : container.createdAt > pivot,
    );
  }
  if (limit > 0) found = found.slice(0, limit);
  const names = imageNames(rooms);
  const now = rooms.clock.now();
  const rows = await Promise.all(
    found.map(async (container) =>
      summariseContainer(
        container,
        contextOf(rooms, container),
        names(container),
        now,
        call.minor,
        hasSizes ? await rooms.containers.sizes(container.id, call.signal) : undefined,
      ),
    ),
  );
  call.reply(200, rows);
}

/** The name it was made by while that still means the same image, else the id. */
function imageNames(rooms: Rooms): (container: Container) => string {
  const known = new Map<string, string>();
  for (const image of rooms.images.list())
    for (const tag of [...image.repoTags, ...image.repoDigests]) known.set(tag, image.id);
  return (container) => {
    const { Image } = container.settings;
    const holder = known.get(Image) ?? known.get(`${Image}:latest`);
    return holder === undefined || holder === container.imageId ? Image : container.imageId;
  };
}
