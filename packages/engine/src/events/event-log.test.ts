import { describe, expect, test } from "vitest";
import type { EngineEvent, Events } from "./contract.ts";
import { openEvents } from "./index.ts";

const say = (events: Events, action: string): EngineEvent =>
  events.publish({ type: "container", action, actorId: "x", attributes: {} });
async function take(source: AsyncIterable<EngineEvent>, count = Infinity): Promise<string[]> {
  const seen: string[] = [];
  if (count === 0) return seen;
  for await (const event of source) {
    seen.push(event.action);
    if (seen.length >= count) break;
  }
  return seen;
}

describe("EventLog", () => {
  test("subscribe() sees what is published after the call, before the first read", async ({ signal }) => {
    const events = openEvents();
    say(events, "before");
    const source = events.subscribe({}, signal);
    say(events, "after");
    expect(await take(source, 1)).toEqual(["after"]);
  });

  test("subscribe() with since replays and with a past until ends", async ({ signal }) => {
    const events = openEvents();
    const first = say(events, "one");
    const second = say(events, "two");
    say(events, "three");
    expect(second.timeNano > first.timeNano).toBe(true);
    expect(
      await take(events.subscribe({ sinceNano: first.timeNano, untilNano: second.timeNano }, signal)),
    ).toEqual(["one", "two"]);
  });

  test("subscribe() ends when its signal is aborted", async () => {
    const events = openEvents();
    const stop = new AbortController();
    const reading = take(events.subscribe({}, stop.signal));
    stop.abort();
    expect(await reading).toEqual([]);
  });

  test("publish() cuts a subscriber that is 4096 events behind and never waits", async ({ signal }) => {
    const events = openEvents();
    const source = events.subscribe({}, signal);
    for (let n = 0; n < 4100; n++) say(events, "flood");
    await expect(take(source)).rejects.toMatchObject({ kind: "unavailable" });
  });
});
