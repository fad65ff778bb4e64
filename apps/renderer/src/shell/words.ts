import { CallError } from "../bridge/bridge.ts";
import { adviceFor, type Step } from "./catalogue.ts";
import { go } from "./routes.ts";

/** A failure in words: what failed, why in the engine's own words, and what to do. */
export interface FailureWords {
  readonly what: string;
  readonly why: string;
  readonly next: string;
  readonly step?: Step;
}

export function failureWords(what: string, error: unknown): FailureWords {
  const why = error instanceof Error ? error.message : String(error);
  if (error instanceof CallError && error.kind === "unreachable")
    return {
      what,
      why,
      next: "The engine does not answer. Wait for it to come back, or look at the Engine page.",
      step: { label: "Show the engine", run: () => go({ page: "engine" }) },
    };
  const { next, step } = adviceFor(why);
  return { what, why, next, ...(step === undefined ? {} : { step }) };
}
