import { CallError } from "../bridge/bridge.ts";

/** A failure in words: what failed, why in the engine's own words, and what to do. */
export interface FailureWords {
  readonly what: string;
  readonly why: string;
  readonly next: string;
}

const KNOWN: readonly { readonly sign: RegExp; readonly next: string }[] = [
  {
    sign: /port is already allocated|address already in use/i,
    next: "Choose another host port, or stop what holds this one.",
  },
  {
    sign: /is already in use by container/i,
    next: "Choose another name, or remove the container that has it.",
  },
  {
    sign: /no such image|not found: manifest|manifest unknown/i,
    next: "Check the name and tag, then pull the image.",
  },
  {
    sign: /pull access denied|unauthorized|authentication required/i,
    next: "The registry wants a login, or the image does not exist there.",
  },
  {
    sign: /lookup|no such host|network is unreachable|connection refused|i\/o timeout|dial tcp/i,
    next: "The registry cannot be reached from here. Check the network, or load the image from a file.",
  },
  {
    sign: /executable file not found|no such file or directory/i,
    next: "The image holds no such program. Choose another command.",
  },
  { sign: /is not running/i, next: "Start the container first." },
  { sign: /cannot remove a running container|is running/i, next: "Stop it first, or remove it by force." },
  {
    sign: /image is being used|image has dependent|must be forced/i,
    next: "Remove the containers that use it, or remove it by force.",
  },
  { sign: /volume is in use/i, next: "Remove the containers that use it first." },
  { sign: /active endpoints/i, next: "Stop or disconnect the containers on it first." },
  { sign: /no space left/i, next: "Free some disk space, then try again." },
];

export function failureWords(what: string, error: unknown): FailureWords {
  const why = error instanceof Error ? error.message : String(error);
  if (error instanceof CallError && error.kind === "unreachable")
    return {
      what,
      why,
      next: "The engine does not answer. Wait for it to come back, or look at the Engine page.",
    };
  const known = KNOWN.find(({ sign }) => sign.test(why));
  return { what, why, next: known?.next ?? "" };
}
