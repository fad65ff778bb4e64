import Docker from "dockerode";
import { dockerArchive } from "@longshore/testkit";

/** What the engine acknowledged, so that a test can ask for it after a crash. */
export interface Ledger {
  /** Containers whose create was answered and whose removal was never asked for. */
  readonly created: Set<string>;
  /** Containers whose removal was answered. */
  readonly removed: Set<string>;
  /** Started ones that end by themselves: the exit code they must show, and their number of lines. */
  readonly ending: Map<string, { exitCode: number; lines: number }>;
  readonly images: Set<string>;
}

export const newLedger = (): Ledger => ({
  created: new Set(),
  removed: new Set(),
  ending: new Map(),
  images: new Set(),
});

/** A small seeded generator (mulberry32), so that a failing run can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs random operations until `signal` aborts; what fails once the engine is gone is no acknowledgement. */
export async function mixedLoad(
  socket: string,
  image: string,
  random: () => number,
  ledger: Ledger,
  signal: AbortSignal,
): Promise<readonly Error[]> {
  const docker = new Docker({ socketPath: socket });
  const unexpected: Error[] = [];
  const steps = [runToEnd, createOnly, removeOne, execInOne, loadImage] as const;
  while (!signal.aborted) {
    const step = steps[Math.floor(random() * steps.length)] ?? runToEnd;
    try {
      await step(docker, image, random, ledger);
    } catch (error) {
      if (!signal.aborted) unexpected.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  return unexpected;
}

async function runToEnd(docker: Docker, image: string, random: () => number, ledger: Ledger): Promise<void> {
  const [exitCode, lines] = [Math.floor(random() * 100), 1 + Math.floor(random() * 200)];
  const command = `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo $i; done; exit ${exitCode}`;
  const container = await docker.createContainer({ Image: image, Cmd: ["sh", "-c", command] });
  ledger.created.add(container.id);
  await container.start();
  // Another worker may have removed it meanwhile.
  if (ledger.created.has(container.id)) ledger.ending.set(container.id, { exitCode, lines });
}

async function createOnly(
  docker: Docker,
  image: string,
  _random: () => number,
  ledger: Ledger,
): Promise<void> {
  const container = await docker.createContainer({ Image: image, Cmd: ["true"] });
  ledger.created.add(container.id);
}

/** A removal that is never answered may or may not have happened: such a container leaves both lists. */
async function removeOne(
  docker: Docker,
  _image: string,
  random: () => number,
  ledger: Ledger,
): Promise<void> {
  const ids = [...ledger.created];
  const id = ids[Math.floor(random() * ids.length)];
  if (id === undefined) return;
  ledger.created.delete(id);
  ledger.ending.delete(id);
  await docker.getContainer(id).remove({ force: true, v: true });
  ledger.removed.add(id);
}

async function execInOne(docker: Docker): Promise<void> {
  const [keeper] = await docker.listContainers({ filters: { label: ["crash=keeper"] } });
  if (!keeper) return;
  const exec = await docker.getContainer(keeper.Id).exec({ Cmd: ["echo", "in"], AttachStdout: true });
  const stream = await exec.start({});
  stream.resume();
  await new Promise<void>((done) => stream.once("close", () => done()));
}

async function loadImage(
  docker: Docker,
  _image: string,
  random: () => number,
  ledger: Ledger,
): Promise<void> {
  const reference = `ls/crash:${Math.floor(random() * 1e9)}`;
  const data = Buffer.alloc(50_000, reference);
  const { Readable } = await import("node:stream");
  const answer = await docker.loadImage(
    Readable.from([dockerArchive({ reference, layers: [[{ name: "f", data }]] })]),
  );
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  if (text.includes("Loaded image")) ledger.images.add(reference);
}
