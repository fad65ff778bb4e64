import { expect, test } from "vitest";
import { openEvents } from "#events";
import { ManualClock } from "#testing/kernel";
import { newest, usesInEvents } from "./last-use.ts";

test("newest() takes the latest of what is known", () => {
  expect(newest([undefined])).toBeUndefined();
  const old = { at: "2026-01-01T00:00:00Z", from: "created" } as const;
  const young = { at: "2026-01-01T00:00:00.000000001Z", from: "ended" } as const;
  const younger = { at: "2026-02-01T01:00:00+01:00", from: "tagged" } as const;
  expect(newest([old, younger, undefined, young])).toBe(younger);
});

test("usesInEvents() remembers images and volumes of containers that are gone", async ({ signal }) => {
  const clock = new ManualClock();
  const events = openEvents(clock);
  const publish = (
    type: "container" | "volume" | "image",
    action: string,
    actorId: string,
    image = "",
  ): void => void events.publish({ type, action, actorId, attributes: { image } });
  publish("container", "start", "c1", "a:1");
  publish("volume", "mount", "data");
  clock.advance(1000);
  publish("container", "die", "c1", "a:1");
  publish("container", "destroy", "c1", "a:1");
  publish("volume", "create", "other");
  publish("image", "tag", "b:1");
  clock.advance(1000);
  expect(Object.fromEntries(await usesInEvents(events, clock.now(), signal))).toEqual({
    "image a:1": { at: "2026-01-01T00:00:01.000Z", from: "event" },
    "volume data": { at: "2026-01-01T00:00:00.000Z", from: "event" },
  });
});
