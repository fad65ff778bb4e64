import { LongshoreError } from "#kernel";
import type {
  Discarded,
  PrunedIntoTrash,
  ReclaimResult,
  Restored,
  TrashLimits,
  TrashReport,
} from "@longshore/protocol";
import type { Call } from "../server/call.ts";
import type { Route } from "../server/router.ts";
import { flag, list, object, optional, record, text } from "../wire/shape.ts";
import { prunedContainers } from "./container-routes.ts";
import { prunedImages } from "./image-routes.ts";
import type { Rooms } from "./rooms.ts";
import { prunedVolumes } from "./volume-routes.ts";

const toTheEnd = new AbortController().signal;

const discardShape = object({
  kind: text(""),
  id: text(""),
  isForced: flag(false),
  hasVolumes: flag(false),
});
const restoreShape = object({ name: optional(text("")), volumes: record(text("")) });
const emptyShape = object({ ids: optional(list(text(""))) });

/** Removals that can be taken back. */
export function trashRoutes(rooms: Rooms): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/longshore/v1/trash",
      handle: async (call) =>
        call.reply(200, (await rooms.system.trash.report(call.signal)) satisfies TrashReport),
    },
    {
      method: "GET",
      path: "/longshore/v1/trash/limits",
      handle: async (call) => call.reply(200, (await rooms.system.trash.limits()) satisfies TrashLimits),
    },
    {
      method: "POST",
      path: "/longshore/v1/trash",
      handle: async (call) => {
        const { kind, id, isForced, hasVolumes } = discardShape(await call.json(), "");
        if (kind !== "container" && kind !== "image" && kind !== "volume")
          throw new LongshoreError("invalid", `invalid kind "${kind}", want container, image or volume`);
        const entry = await rooms.system.trash.discard(kind, id, { isForced, hasVolumes }, toTheEnd);
        call.reply(201, (entry === undefined ? {} : { id: entry }) satisfies Discarded);
      },
    },
    {
      method: "POST",
      path: "/longshore/v1/trash/prune",
      handle: async (call) => {
        const ids = await rooms.system.trash.discarding(() => prune(rooms, call));
        call.reply(200, { ids } satisfies PrunedIntoTrash);
      },
    },
    {
      method: "POST",
      path: "/longshore/v1/trash/empty",
      handle: async (call) => {
        const { ids } = emptyShape(await call.json(), "");
        call.reply(200, (await rooms.system.trash.empty(ids, toTheEnd)) satisfies ReclaimResult);
      },
    },
    {
      method: "POST",
      path: "/longshore/v1/trash/{id}/restore",
      handle: async (call) => {
        const options = restoreShape(await call.json(), "");
        const restored = await rooms.system.trash.restore(call.parameter("id"), options, toTheEnd);
        call.reply(200, restored satisfies Restored);
      },
    },
  ];
}

/** Docker's prune by Docker's filters; answers the entries. */
async function prune(rooms: Rooms, call: Call): Promise<readonly string[]> {
  const kind = call.query.get("kind") ?? "";
  const now = rooms.clock.now();
  const isDiscarding = true;
  if (kind === "container") {
    const matches = prunedContainers(call.query, now);
    return (await rooms.containers.prune(matches, toTheEnd, { isDiscarding })).removed;
  }
  if (kind === "image")
    return (await rooms.images.prune({ ...prunedImages(call.query, now), isDiscarding })).discarded;
  if (kind === "volume")
    return (await rooms.volumes.prune(prunedVolumes(call.query, call.minor), { isDiscarding })).discarded;
  throw new LongshoreError("invalid", `invalid kind "${kind}", want container, image or volume`);
}
