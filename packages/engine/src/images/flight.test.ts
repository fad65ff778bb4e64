import { expect, test } from "vitest";
import { Flight } from "./flight.ts";

/** A flight whose bytes and end the test decides; it makes `made`. */
function steered(made?: AsyncDisposable): {
  flight: Flight<AsyncDisposable>;
  say: (bytes: number) => void;
  finish: () => void;
  signal: () => AbortSignal;
} {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let say: (bytes: number) => void = () => {};
  let seen: AbortSignal | undefined;
  const flight = new Flight<AsyncDisposable>(async (signal, onDone) => {
    say = onDone;
    seen = signal;
    signal.addEventListener("abort", () => reject(signal.reason as Error));
    await promise;
    return made;
  });
  return {
    flight,
    say: (bytes) => say(bytes),
    finish: resolve,
    signal: () => seen ?? AbortSignal.abort(),
  };
}

test("join() tells each waiter how far it is, and all end together", async ({ signal }) => {
  const { flight, say, finish } = steered();
  const told: string[] = [];
  const both = ["a", "b"].map((name) => flight.join((bytes) => told.push(`${name}${bytes}`), signal));
  say(5);
  finish();
  await Promise.all(both);
  expect(told).toEqual(["a5", "b5"]);
});

test("join() that is aborted leaves the work to the others; the last one takes it along", async ({
  signal,
}) => {
  const { flight, signal: own } = steered();
  const stops = [new AbortController(), new AbortController()];
  const joins = stops.map((stop) => flight.join(() => {}, AbortSignal.any([signal, stop.signal])));
  const reasons = [new Error("first"), new Error("second")];
  const ended = joins.map((join, at) => expect(join).rejects.toBe(reasons[at]));
  stops[0]?.abort(reasons[0]);
  await ended[0];
  expect(own().aborted).toBe(false);
  stops[1]?.abort(reasons[1]);
  await ended[1];
  expect(own().aborted).toBe(true);
  expect(flight.isAbandoned).toBe(true);
});

test("join() gives what was made to the first who waited to the end, and drops it when nobody did", async ({
  signal,
}) => {
  let dropped = 0;
  const made = { [Symbol.asyncDispose]: async () => void dropped++ };
  const { flight, finish } = steered(made);
  const both = [flight.join(() => {}, signal), flight.join(() => {}, signal)];
  finish();
  expect(await Promise.all(both)).toEqual([made, undefined]);
  expect(dropped).toBe(0);

  // It ends in the very turn in which its last waiter gives up.
  const late = steered(made);
  const stop = new AbortController();
  const reason = new Error("client went away");
  const gone = expect(late.flight.join(() => {}, stop.signal)).rejects.toBe(reason);
  stop.abort(reason);
  late.finish();
  await gone;
  expect(dropped).toBe(1);
});
