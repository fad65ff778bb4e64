import { EventEmitter } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { CreateContainerRequest } from "@longshore/protocol";
import type { Abortable, Call } from "./call.ts";
import type { Container } from "./container.ts";
import { demuxStream } from "./frames.ts";

export type RunCreateOptions = Abortable & Partial<CreateContainerRequest> & { readonly name?: string };
export type RunStartOptions = Abortable & Readonly<Record<string, unknown>>;
/** One stream for a container with a terminal, two for output and errors apart (with `Tty: false`). */
export type RunOutput = Writable | readonly [stdout: Writable, stderr: Writable] | null | undefined;
export interface RunResult {
  readonly StatusCode: number;
}
export type RunCallback = (error: Error | null, data?: RunResult | null, container?: Container) => void;
type Create = Call<Abortable & CreateContainerRequest & { readonly name?: string }, Container>;

/** In dockerode's order. */
export type RunArguments = readonly [
  image: string,
  command: readonly string[],
  output?: RunOutput,
  create?: RunCreateOptions,
  start?: RunStartOptions,
];

export function toldBy([image, command, output, create = {}, start = {}]: RunArguments): Run {
  return { image, command, output, create, start };
}

/** What one run is told. */
export interface Run {
  readonly image: string;
  readonly command: readonly string[];
  readonly output: RunOutput;
  readonly create: RunCreateOptions;
  readonly start: RunStartOptions;
}

/** Creates, attaches, starts and waits; the container stays. Says `container`, `stream`, `start` and `data` to the hub on the way. */
export async function run(
  createContainer: Create,
  told: Run,
  hub: EventEmitter = new EventEmitter(),
): Promise<[RunResult, Container]> {
  const container = await createContainer({
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    Tty: true,
    OpenStdin: false,
    StdinOnce: false,
    Cmd: told.command,
    Image: told.image,
    ...told.create,
  } as CreateContainerRequest);
  hub.emit("container", container);
  const stream = await container.attach({ stream: true, stdout: true, stderr: true });
  hub.emit("stream", stream);
  connect(stream, told.output);
  await container.start(told.start);
  hub.emit("start", container);
  const data = await container.wait();
  hub.emit("data", data);
  return [data, container];
}

/** The same with a callback, and an emitter of what happens at once. A container that was made before a failure is handed on. */
export function runWithCallback(createContainer: Create, told: Run, callback: RunCallback): EventEmitter {
  const hub = new EventEmitter();
  let made: Container | undefined;
  hub.once("container", (container: Container) => (made = container));
  run(createContainer, told, hub).then(
    ([data, container]) => queueMicrotask(() => callback(null, data, container)),
    (error: Error) => queueMicrotask(() => callback(error, null, made)),
  );
  return hub;
}

function connect(stream: Readable, output: RunOutput): void {
  if (output === null || output === undefined) stream.resume();
  else if (isPair(output)) {
    stream.once("end", () => {
      for (const one of output) one.end();
    });
    demuxStream(stream, output[0], output[1]);
  } else stream.pipe(output, { end: true });
}

function isPair(output: Writable | readonly [Writable, Writable]): output is readonly [Writable, Writable] {
  return Array.isArray(output);
}
