import { describe, expect, test } from "vitest";
import type { Clock } from "./clock.ts";

/** A clock, and how its time passes: at once where a test moves it, by waiting where nobody can. */
export interface ClockPlace {
  readonly clock: Clock;
  readonly pass: (ms: number) => Promise<void>;
}

/** What every Clock does. */
export function clockConformance(what: string, make: () => ClockPlace): void {
  describe(`${what} is a Clock`, () => {
    test("now() moves on with the time that passes", async () => {
      const { clock, pass } = make();
      const before = clock.now().getTime();
      await pass(30);
      // A timer may be a millisecond early against the wall.
      expect(clock.now().getTime() - before).toBeGreaterThanOrEqual(29);
    });

    test("sleep() wakes whoever waited long enough, the shortest first, and nobody else", async ({
      signal,
    }) => {
      const { clock, pass } = make();
      const woken: string[] = [];
      const sleeping = [
        clock.sleep(40, signal).then(() => woken.push("later")),
        clock.sleep(10, signal).then(() => woken.push("soon")),
      ];
      const never = new AbortController();
      const long = clock.sleep(3_600_000, never.signal).then(
        () => woken.push("never"),
        () => {},
      );
      await pass(10);
      await sleeping[1];
      expect(woken).toEqual(["soon"]);
      await pass(60);
      await Promise.all(sleeping);
      expect(woken).toEqual(["soon", "later"]);
      never.abort();
      await long;
    });

    test("sleep() rejects with the reason of its signal, before and during the wait", async () => {
      const { clock } = make();
      const reason = new Error("engine stops");
      await expect(clock.sleep(0, AbortSignal.abort(reason))).rejects.toBe(reason);
      const stop = new AbortController();
      const sleeping = clock.sleep(3_600_000, stop.signal);
      stop.abort(reason);
      await expect(sleeping).rejects.toBe(reason);
    });

    test("an abort after the end changes nothing", async () => {
      const { clock, pass } = make();
      const stop = new AbortController();
      const sleeping = clock.sleep(1, stop.signal);
      await pass(20);
      await sleeping;
      stop.abort(new Error("too late"));
      await expect(sleeping).resolves.toBeUndefined();
    });
  });
}
