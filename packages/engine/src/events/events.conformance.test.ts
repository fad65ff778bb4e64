import { expect, test } from "vitest";
import { eventsConformance } from "./conformance.ts";
import { openEvents } from "./index.ts";
import { RecordedEvents } from "./testing.ts";

eventsConformance("the event log", openEvents);
eventsConformance("the fake", (clock) => new RecordedEvents(clock));

test("RecordedEvents keeps all of it, told apart by object", () => {
  const events = new RecordedEvents();
  for (const [action, actorId] of [
    ["create", "a"],
    ["create", "b"],
    ["start", "a"],
  ] as const)
    events.publish({ type: "container", action, actorId, attributes: {} });
  expect(events.actions("a")).toEqual(["create", "start"]);
  expect(events.published).toHaveLength(3);
});
