import { Readable } from "node:stream";
import Docker from "dockerode";
import { dockerArchive } from "@longshore/testkit";
import { exitCodeOf } from "./exit-code.ts";
import { readLines } from "./frames.ts";
import type { Ledger } from "./ledger.ts";

export interface Load {
  readonly socket: string;
  readonly image: string;
  readonly cgroupParent: string;
  readonly random: () => number;
  readonly ledger: Ledger;
}

interface Step extends Load {
  readonly docker: Docker;
  readonly below: (limit: number) => number;
}

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

/**
 * Runs random operations until `signal` aborts, which comes before the engine is killed: what fails from then on is no acknowledgement,
 * what fails before is wrong, unless another worker has removed the object or has the port.
 */
export async function mixedLoad(load: Load, signal: AbortSignal): Promise<void> {
  const { random, ledger } = load;
  const below = (limit: number): number => Math.floor(random() * limit);
  const step: Step = { ...load, docker: new Docker({ socketPath: load.socket }), below };
  while (!signal.aborted) {
    const work = steps[below(steps.length)] ?? runToEnd;
    try {
      await work(step);
      ledger.counts.set(work.name, (ledger.counts.get(work.name) ?? 0) + 1);
    } catch (error) {
      if (signal.aborted || isOtherWorkers(error)) continue;
      ledger.wrong.push(`${work.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function isOtherWorkers(error: unknown): boolean {
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  if (error instanceof Error && /port is already allocated/.test(error.message)) return true;
  return status === 404 || status === 409 || status === 304;
}

const counting = (lines: number, exitCode: number): readonly string[] => [
  "sh",
  "-c",
  `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo $i; done; exit ${exitCode}`,
];

async function create(
  { docker, image, cgroupParent, ledger }: Step,
  command: readonly string[],
  host: Docker.HostConfig = {},
): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: image,
    Cmd: [...command],
    HostConfig: { CgroupParent: cgroupParent, ...host },
  });
  ledger.created.add(container.id);
  return container;
}

/** Another worker may have removed it meanwhile. */
function note<T>(ledger: Ledger, to: Map<string, T>, id: string, facts: T): void {
  if (ledger.created.has(id)) to.set(id, facts);
}

async function runToEnd(step: Step): Promise<void> {
  const [exitCode, lines] = [step.below(100), 1 + step.below(200)];
  const container = await create(step, counting(lines, exitCode));
  await container.start();
  note(step.ledger, step.ledger.ending, container.id, { exitCode, lines });
}

async function createOnly(step: Step): Promise<void> {
  await create(step, ["true"]);
}

/** A removal that is never answered may or may not have happened: such a container leaves all lists. */
async function removeOne({ docker, below, ledger }: Step): Promise<void> {
  const ids = [...ledger.created];
  const id = ids[below(ids.length)];
  if (id === undefined) return;
  for (const list of [ledger.created, ledger.ending, ledger.running]) list.delete(id);
  await docker.getContainer(id).remove({ force: true, v: true });
  ledger.removed.add(id);
}

/** The shell is its pid namespace's first process and does not hear SIGTERM. */
async function stopOne(step: Step): Promise<void> {
  const container = await create(step, ["sh", "-c", "sleep 1000; exit 1"]);
  await container.start();
  const { id } = container;
  if (step.below(2) === 0) await container.stop({ t: 0 });
  else {
    await container.kill({ signal: "SIGKILL" });
    await exitCodeOf(step.socket, id);
  }
  note(step.ledger, step.ledger.ending, id, { exitCode: 137, lines: 0 });
}

async function keeperOf(docker: Docker): Promise<Docker.Container> {
  const [keeper] = await docker.listContainers({ filters: { label: ["crash=keeper"] } });
  if (keeper === undefined) throw new Error("the keepers are not listed as running");
  return docker.getContainer(keeper.Id);
}

/** An engine that dies closes the stream as if it were complete; only its own word about the exit code makes it so. */
async function execInOne({ docker, below, ledger }: Step): Promise<void> {
  const [exitCode, lines] = [below(100), 1 + below(300)];
  const keeper = await keeperOf(docker);
  const Cmd = [...counting(lines, exitCode)];
  const exec = await keeper.exec({ Cmd, AttachStdout: true, AttachStderr: true });
  const seen = await readLines(await exec.start({}));
  const { Running, ExitCode } = await exec.inspect();
  const got = `${String(Running)} ${String(ExitCode)} ${seen.join()}`;
  const wanted = `false ${exitCode} ${Array.from({ length: lines }, (_, index) => index + 1).join()}`;
  if (got !== wanted) ledger.wrong.push(`exec ${exec.id}: got "${got}", wanted "${wanted}"`);
}

async function followLogs({ docker, below, ledger }: Step): Promise<void> {
  const keeper = await keeperOf(docker);
  const stream = await keeper.logs({ follow: true, stdout: true, stderr: true, tail: below(50) });
  const lines = (await readLines(stream, 1 + below(20))).map(Number);
  const gap = lines.findIndex((line, index) => index > 0 && line !== (lines[index - 1] ?? 0) + 1);
  if (gap >= 0) ledger.wrong.push(`followed logs: after ${lines[gap - 1]} came ${lines[gap]}`);
}

async function loadImage({ docker, below, ledger }: Step): Promise<void> {
  const reference = `ls/crash:${below(1e9)}`;
  const data = Buffer.alloc(50_000, reference);
  const archive = dockerArchive({ reference, layers: [[{ name: "f", data }]] });
  let text = "";
  for await (const chunk of await docker.loadImage(Readable.from([archive]))) text += String(chunk);
  if (text.includes("Loaded image")) ledger.images.add(reference);
}

async function writeVolume(step: Step): Promise<void> {
  const [name, text] = [`crash-${step.below(1e9)}`, String(step.below(1e9))];
  await step.docker.createVolume({ Name: name });
  const container = await create(step, ["sh", "-c", `echo ${text} >/v/f`], { Binds: [`${name}:/v`] });
  await container.start();
  if ((await exitCodeOf(step.socket, container.id)) === 0) step.ledger.volumes.set(name, text);
  note(step.ledger, step.ledger.ending, container.id, { exitCode: 0, lines: 0 });
}

async function joinNetwork(step: Step): Promise<void> {
  const { docker, ledger } = step;
  const name = `crash-${step.below(1e9)}`;
  const network = await docker.createNetwork({ Name: name, Labels: { crash: "yes" } });
  ledger.networks.add(name);
  const container = await create(step, ["sleep", "1000"], { NetworkMode: name });
  await container.start();
  const { pid } = { pid: (await container.inspect()).State.Pid };
  note(ledger, ledger.running, container.id, { pid });
  if (step.below(2) === 0) return;
  for (const list of [ledger.created, ledger.running]) list.delete(container.id);
  await container.remove({ force: true });
  ledger.removed.add(container.id);
  ledger.networks.delete(name);
  await network.remove();
  ledger.removed.add(name);
}

/** Ports of this process alone, below the ephemeral ones: an engine that is dead can't keep others from its own. */
async function publishPort(step: Step): Promise<void> {
  const wanted = 20_000 + (process.pid % 100) * 100 + step.below(100);
  const container = await create(step, ["httpd", "-f", "-p", "8080", "-h", "/www"], {
    PortBindings: { "8080/tcp": [{ HostPort: String(wanted) }] },
  });
  await container.start();
  const { State, NetworkSettings } = await container.inspect();
  const port = Number(NetworkSettings.Ports["8080/tcp"]?.[0]?.HostPort);
  note(step.ledger, step.ledger.running, container.id, { pid: State.Pid, port });
}

const steps = [
  runToEnd,
  runToEnd,
  createOnly,
  removeOne,
  removeOne,
  stopOne,
  execInOne,
  execInOne,
  followLogs,
  loadImage,
  writeVolume,
  joinNetwork,
  publishPort,
] as const;
