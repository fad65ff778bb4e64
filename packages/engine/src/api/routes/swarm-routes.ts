import { LongshoreError } from "#kernel";
import { parseFilters } from "../server/query.ts";
import type { Route } from "../server/router.ts";

export const NO_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

const objects = ["nodes", "services", "tasks", "secrets", "configs"];
const withId = (names: readonly string[], more = ""): readonly string[] =>
  names.map((name) => `${name}/{id}${more}`);
const changeable = ["nodes", "services", "secrets", "configs"];
const creatable = ["services", "secrets", "configs"];

const paths: Readonly<Record<"GET" | "POST" | "DELETE" | "PUT", readonly string[]>> = {
  GET: [
    "swarm",
    "swarm/unlockkey",
    ...objects,
    ...withId(objects),
    ...withId(["services", "tasks"], "/logs"),
  ],
  POST: [
    "swarm/update",
    "swarm/unlock",
    ...creatable.map((name) => `${name}/create`),
    ...withId(changeable, "/update"),
  ],
  DELETE: withId(changeable),
  PUT: ["volumes/{name}"],
};

/** What an engine outside a swarm answers; clients probe these. Managed plugins are out of scope, as SCOPE.md says. */
export function swarmRoutes(): readonly Route[] {
  const refusing = (
    method: Route["method"],
    path: string,
    kind: "unavailable" | "unsupported",
    sentence: string,
  ): Route => ({
    method,
    path: `/${path}`,
    refuses: kind,
    handle: async () => {
      throw new LongshoreError(kind, sentence);
    },
  });
  const noSwarm = "swarms are not supported: this engine runs containers on one machine";
  const noPlugins = "managed plugins are not supported by this engine";
  return [
    ...(Object.keys(paths) as (keyof typeof paths)[]).flatMap((method) =>
      paths[method].map((path) => refusing(method, path, "unavailable", NO_MANAGER)),
    ),
    refusing("POST", "swarm/leave", "unavailable", "This node is not part of a swarm"),
    ...["swarm/init", "swarm/join"].map((path) => refusing("POST", path, "unsupported", noSwarm)),
    {
      method: "GET",
      path: "/plugins",
      takes: { query: ["filters"] },
      handle: async (call) => {
        parseFilters(call.query, ["capability", "enabled"]);
        call.reply(200, []);
      },
    },
    {
      method: "GET",
      path: "/plugins/{name}/json",
      handle: async (call) => {
        throw new LongshoreError("not_found", `plugin "${call.parameter("name")}" not found`);
      },
    },
    refusing("GET", "plugins/privileges", "unsupported", noPlugins),
    ...[
      "pull",
      "create",
      "{name}/enable",
      "{name}/disable",
      "{name}/upgrade",
      "{name}/push",
      "{name}/set",
    ].map((path) => refusing("POST", `plugins/${path}`, "unsupported", noPlugins)),
    refusing("DELETE", "plugins/{name}", "unsupported", noPlugins),
  ];
}
