import { LongshoreError } from "#kernel";
import type { ReclaimPrediction, ReclaimReport, ReclaimResult } from "@longshore/protocol";
import type { Call } from "../server/call.ts";
import type { Route } from "../server/router.ts";
import { list, object, text } from "../wire/shape.ts";
import type { Rooms } from "./rooms.ts";

type Wanted = Parameters<Rooms["system"]["reclaim"]["predict"]>[0];

const setShape = object({ items: list(object({ kind: text(""), id: text("") })) });

/** Who keeps which bytes, what a set would give back, and its removal. */
export function reclaimRoutes(rooms: Rooms): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/longshore/v1/reclaim",
      handle: async (call) =>
        call.reply(200, (await rooms.system.reclaim.report(call.signal)) satisfies ReclaimReport),
    },
    {
      method: "POST",
      path: "/longshore/v1/reclaim/predict",
      handle: async (call) => {
        const wanted = await wantedOf(call);
        call.reply(
          200,
          (await rooms.system.reclaim.predict(wanted, call.signal)) satisfies ReclaimPrediction,
        );
      },
    },
    {
      method: "POST",
      path: "/longshore/v1/reclaim",
      handle: async (call) => {
        const wanted = await wantedOf(call);
        // A removal that was begun is not given up when its client goes away.
        const done = await rooms.system.reclaim.remove(wanted, new AbortController().signal);
        call.reply(200, done satisfies ReclaimResult);
      },
    },
  ];
}

async function wantedOf(call: Call): Promise<Wanted> {
  const { items } = setShape(await call.json(), "");
  return items.map(({ kind, id }) => {
    if (kind !== "container" && kind !== "image" && kind !== "volume" && kind !== "trash")
      throw new LongshoreError("invalid", `invalid kind "${kind}", want container, image, volume or trash`);
    return { kind, id };
  });
}
