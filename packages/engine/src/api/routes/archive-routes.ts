import { LongshoreError } from "#kernel";
import type { PathStat } from "#containers";
import type { Call } from "../server/call.ts";
import { flag } from "../server/query.ts";
import type { Route } from "../server/router.ts";
import type { Rooms } from "./rooms.ts";

/** docker cp: HEAD, GET and PUT of /containers/ID/archive. */
export function archiveRoutes(rooms: Rooms): readonly Route[] {
  const { containers } = rooms;
  const pathOf = (call: Call): string => {
    const path = call.query.get("path") ?? "";
    if (path === "") throw new LongshoreError("invalid", "bad parameter: path cannot be empty");
    return path;
  };
  const statHeader = (stat: PathStat): Record<string, string> => ({
    "X-Docker-Container-Path-Stat": Buffer.from(JSON.stringify(stat)).toString("base64"),
  });
  return [
    {
      method: "HEAD",
      path: "/containers/{id}/archive",
      takes: { query: ["path"] },
      handle: async (call) =>
        call.done(
          200,
          statHeader(await containers.statPath(call.parameter("id"), pathOf(call), call.signal)),
        ),
    },
    {
      method: "GET",
      path: "/containers/{id}/archive",
      takes: { query: ["path"] },
      handle: async (call) => {
        const { stat, tar } = await containers.readArchive(call.parameter("id"), pathOf(call), call.signal);
        call.startStream("application/x-tar", statHeader(stat));
        for await (const chunk of tar) await call.write(chunk);
        call.response.end();
      },
    },
    {
      method: "PUT",
      path: "/containers/{id}/archive",
      takes: { query: ["path", "noOverwriteDirNonDir", "copyUIDGID"], hasRawBody: true },
      handle: async (call) => {
        const options = {
          isKeepingKind: flag(call.query, "noOverwriteDirNonDir"),
          isKeepingOwner: flag(call.query, "copyUIDGID"),
        };
        await containers.writeArchive(call.parameter("id"), pathOf(call), call.request, options, call.signal);
        call.done(200);
      },
    },
  ];
}
