import { nameOf } from "../world/derive.ts";
import { useWorld } from "../world/store.ts";
import { openDialog } from "./dialogs.ts";
import { go } from "./routes.ts";

/** The next step after a failure, as a button. */
export interface Step {
  readonly label: string;
  run(): void;
}

interface Known {
  readonly id: string;
  readonly sign: RegExp;
  readonly next: string;
  /** Absent when the step needs what only the place of the failure knows. */
  readonly step?: (match: RegExpExecArray) => Step | undefined;
}

/** Known failures by the engine's words, first match wins: what to do, and a button where the window can do it. */
const catalogue: readonly Known[] = [
  {
    id: "port-taken",
    sign: /(?:0\.0\.0\.0|\[::\]|[\d.]+):(\d+)[^]*?(?:port is already allocated|address already in use)|port is already allocated|address already in use/i,
    next: "Choose another host port, or stop what holds this one.",
    step: ([, port]) => {
      const holder = useWorld
        .getState()
        .containers.find((row) => row.Ports.some((one) => String(one.PublicPort) === port));
      return holder === undefined ? undefined : showContainer(holder.Id);
    },
  },
  {
    id: "name-taken",
    sign: /is already in use by container "?([\da-f]{12,64})/i,
    next: "Choose another name, or remove the container that has it.",
    step: ([, id = ""]) => showContainer(id),
  },
  {
    id: "image-used",
    sign: /(?:container|by running container|stopped container) ([\da-f]{12,64})|image is being used|image has dependent|must be forced/i,
    next: "Remove the containers that use it, or remove it by force.",
    step: ([, id]) => (id === undefined ? undefined : showContainer(id)),
  },
  {
    id: "image-missing",
    sign: /no such image: (\S+)/i,
    next: "Check the name and tag, then pull the image.",
    step: ([, reference = ""]) => ({
      label: `Pull ${reference}…`,
      run: () => openDialog({ kind: "pull", reference }),
    }),
  },
  {
    id: "manifest-missing",
    sign: /no such image|not found: manifest|manifest unknown|manifest for \S+ not found/i,
    next: "The registry has no such image: check the name and the tag.",
  },
  {
    id: "registry-denied",
    sign: /pull access denied|unauthorized|authentication required|denied: requested access/i,
    next: "The registry wants a login (docker login does it), or the image does not exist there.",
  },
  {
    id: "registry-unreachable",
    sign: /lookup|no such host|network is unreachable|connection refused|i\/o timeout|dial tcp|ENOTFOUND|EAI_AGAIN/i,
    next: "The registry cannot be reached from here. Check the network, or load the image from a file.",
  },
  {
    id: "program-missing",
    sign: /executable file .*not found|no such file or directory/i,
    next: "The image holds no such program. Choose another command.",
  },
  { id: "not-running", sign: /is not running/i, next: "Start the container first." },
  {
    id: "running",
    sign: /cannot remove (?:a|container).*running|is running/i,
    next: "Stop it first, or remove it by force.",
  },
  {
    id: "volume-used",
    sign: /volume is in use(?: - \[([\da-f]{12,64}))?/i,
    next: "Remove the containers that use it first.",
    step: ([, id]) => (id === undefined ? undefined : showContainer(id)),
  },
  {
    id: "network-used",
    sign: /active endpoints/i,
    next: "Stop or disconnect the containers on it first.",
    step: () => ({ label: "Show the containers", run: () => go({ page: "containers" }) }),
  },
  {
    id: "subnet-taken",
    sign: /pool overlaps/i,
    next: "Another network has this subnet. Choose another, or leave the field empty.",
  },
  {
    id: "not-an-archive",
    sign: /invalid tar archive|unexpected end of archive|no manifest\.json|not an image archive/i,
    next: "This file holds no image: choose one that docker save or an OCI tool wrote.",
  },
  {
    id: "disk-full",
    sign: /no space left|ENOSPC/i,
    next: "Free some disk space, then try again.",
    step: () => ({ label: "Show the images", run: () => go({ page: "images" }) }),
  },
];

function showContainer(idOrPrefix: string): Step | undefined {
  const found = useWorld.getState().containers.find((row) => row.Id.startsWith(idOrPrefix));
  if (found === undefined) return undefined;
  return { label: `Show ${nameOf(found)}`, run: () => go({ page: "containers", id: found.Id }) };
}

/** What to do about the engine's words, if they are known. */
export function adviceFor(why: string): { readonly id: string; readonly next: string; readonly step?: Step } {
  for (const { id, sign, next, step } of catalogue) {
    const match = sign.exec(why);
    if (match === null) continue;
    const found = step?.(match);
    return found === undefined ? { id, next } : { id, next, step: found };
  }
  return { id: "unknown", next: "" };
}
