import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "./clock.ts";
import { clockConformance } from "./conformance.ts";
import { ManualClock } from "./testing.ts";

clockConformance("the system's clock", () => ({ clock: systemClock, pass: (ms) => delay(ms) }));
clockConformance("the fake", () => {
  const clock = new ManualClock();
  return { clock, pass: async (ms) => clock.advance(ms) };
});
