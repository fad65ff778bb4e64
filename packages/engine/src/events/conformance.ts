import { describe, expect, test } from "vitest";
import type { Clock } from "#kernel";
import { ManualClock } from "#testing/kernel";
import type { EngineEvent, Events } from "./contract.ts";

const KEPT = 1024;
const BACKLOG = 4096;

function say(events: Events, action: string, actorId = "x"): EngineEvent {
  return events.publish({ type: "container", action, actorId, attributes: { of: actorId } });
}

async function take(source: AsyncIterable<EngineEvent>, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of source) if (seen.push(event.action) >= count) break;
  return seen;
}

const nanoOf = (clock: Clock): bigint => BigInt(clock.now().getTime()) * 1_000_000n;

/** What every Events does. */
export function eventsConformance(what: string, make: (clock: Clock) => Events): void {
  const open = (): Events => make(new ManualClock());

  describe(`${what} is Events`, () => {
    test("publish() stamps what it is given with times that rise strictly, also while the clock stands or goes back", () => {
      const clock = new ManualClock();
      const events = make(clock);
      const first = say(events, "one");
      expect(first).toEqual({
        type: "container",
        action: "one",
        actorId: "x",
        attributes: { of: "x" },
        timeNano: nanoOf(clock),
      });
      const second = say(events, "two");
      clock.advance(-5000);
      const third = say(events, "three");
      expect([second.timeNano - first.timeNano, third.timeNano - second.timeNano]).toEqual([1n, 1n]);
      clock.advance(6000);
      expect(say(events, "four").timeNano).toBe(nanoOf(clock));
    });

    test("subscribe() is in force from the call, not from the first read", async ({ signal }) => {
      const events = open();
      say(events, "before");
      const source = events.subscribe({}, signal);
      say(events, "one");
      say(events, "two");
      expect(await take(source, 2)).toEqual(["one", "two"]);
    });

    test("subscribe() gives every subscriber every event in order, to each what it asked for", async ({
      signal,
    }) => {
      const events = open();
      const all = events.subscribe({}, signal);
      const some = events.subscribe({ matches: ({ actorId }) => actorId === "b" }, signal);
      for (const [action, actorId] of [
        ["1", "a"],
        ["2", "b"],
        ["3", "a"],
        ["4", "b"],
      ] as const)
        say(events, action, actorId);
      expect(await take(some, 2)).toEqual(["2", "4"]);
      expect(await take(all, 4)).toEqual(["1", "2", "3", "4"]);
    });

    test("subscribe() with since replays from just that time, then goes on without a gap or a repetition", async ({
      signal,
    }) => {
      const events = open();
      say(events, "one");
      const { timeNano } = say(events, "two");
      say(events, "three");
      const source = events.subscribe({ sinceNano: timeNano }, signal);
      say(events, "four");
      expect(await take(source, 3)).toEqual(["two", "three", "four"]);
    });

    test(`subscribe() with since replays the last ${KEPT} events at most`, async ({ signal }) => {
      const clock = new ManualClock();
      const events = make(clock);
      for (let number = 0; number < KEPT + 10; number++) say(events, String(number));
      clock.advance(60_000);
      const seen = await take(events.subscribe({ sinceNano: 0n, untilNano: nanoOf(clock) }, signal));
      expect([seen.length, seen[0], seen.at(-1)]).toEqual([KEPT, "10", String(KEPT + 9)]);
    });

    test("subscribe() with a past until replays up to and with that time, and ends by itself", async ({
      signal,
    }) => {
      const clock = new ManualClock();
      const events = make(clock);
      const first = say(events, "one");
      const second = say(events, "two");
      say(events, "three");
      clock.advance(1000);
      const source = events.subscribe({ sinceNano: first.timeNano, untilNano: second.timeNano }, signal);
      say(events, "four");
      expect(await take(source)).toEqual(["one", "two"]);
      expect(await take(events.subscribe({ untilNano: second.timeNano }, signal))).toEqual(["one", "two"]);
    });

    test("subscribe() with an until to come ends at the first event after it", async ({ signal }) => {
      const clock = new ManualClock();
      const events = make(clock);
      const source = events.subscribe({ untilNano: nanoOf(clock) + 3_600_000_000_000n }, signal);
      say(events, "in time");
      clock.advance(3_600_001);
      say(events, "late");
      expect(await take(source)).toEqual(["in time"]);
    });

    test("subscribe() with an until to come ends then, with no event at all", async ({ signal }) => {
      const clock = new ManualClock();
      const source = make(clock).subscribe({ untilNano: nanoOf(clock) + 20_000_000n }, signal);
      expect(await take(source)).toEqual([]);
    });

    test("subscribe() ends when its signal is aborted, before the call, before a read or during one", async () => {
      const events = open();
      expect(await take(events.subscribe({}, AbortSignal.abort()))).toEqual([]);
      const stop = new AbortController();
      const [early, late] = [events.subscribe({}, stop.signal), events.subscribe({}, stop.signal)];
      const reading = take(late);
      stop.abort();
      say(events, "after");
      expect(await reading).toEqual([]);
      expect(await take(early)).toEqual([]);
    });

    test("a reader that stops leaves the others their events", async ({ signal }) => {
      const events = open();
      const [one, other] = [events.subscribe({}, signal), events.subscribe({}, signal)];
      expect(events.listeners).toBe(2);
      say(events, "1");
      expect(await take(one, 1)).toEqual(["1"]);
      expect(events.listeners).toBe(1);
      say(events, "2");
      expect(await take(other, 2)).toEqual(["1", "2"]);
    });

    test(`publish() cuts a subscriber that is more than ${BACKLOG} events behind, and only that one`, async ({
      signal,
    }) => {
      const events = open();
      const slow = events.subscribe({}, signal);
      const fast = events.subscribe({}, signal)[Symbol.asyncIterator]();
      for (let number = 0; number <= BACKLOG; number++) {
        say(events, String(number));
        expect((await fast.next()).value).toMatchObject({ action: String(number) });
      }
      const seen: string[] = [];
      const reading = (async () => {
        for await (const { action } of slow) seen.push(action);
      })();
      await expect(reading).rejects.toMatchObject({
        kind: "unavailable",
        message: expect.stringContaining("was cut"),
      });
      expect([seen.length, seen.at(-1)]).toEqual([BACKLOG, String(BACKLOG - 1)]);
      say(events, "on");
      expect((await fast.next()).value).toMatchObject({ action: "on" });
    });

    test(`a subscriber just ${BACKLOG} events behind is not cut`, async ({ signal }) => {
      const events = open();
      const source = events.subscribe({}, signal);
      for (let number = 0; number < BACKLOG; number++) say(events, String(number));
      expect((await take(source, BACKLOG)).length).toBe(BACKLOG);
    });
  });
}
