import { describe, expect, test } from "vitest";
import { KeyedLocks } from "./locks.ts";

describe("KeyedLocks", () => {
  test("hold() lets the second holder in only after the first is disposed", async ({ signal }) => {
    const locks = new KeyedLocks();
    const seen: string[] = [];
    const first = await locks.hold("a", signal);
    const second = locks.hold("a", signal).then(async (lock) => {
      seen.push("second");
      await lock[Symbol.asyncDispose]();
    });
    await Promise.resolve();
    seen.push("first");
    await first[Symbol.asyncDispose]();
    await second;
    expect(seen).toEqual(["first", "second"]);
  });

  test("hold() with an aborted signal rejects with its reason and does not block the next", async ({
    signal,
  }) => {
    const locks = new KeyedLocks();
    const first = await locks.hold("a", signal);
    const stop = new AbortController();
    const reason = new Error("client went away");
    const waiting = locks.hold("a", stop.signal);
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await first[Symbol.asyncDispose]();
    await using third = await locks.hold("a", signal);
    expect(third).toBeDefined();
  });
});
