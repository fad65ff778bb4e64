import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { LongshoreError, programBeside, unlessAborted } from "#kernel";
import { ringMemory, RingWriter } from "./byte-ring.ts";
import type { FromWriter, Unpacked, WriterData, Written } from "./writer-protocol.ts";

const YOUNG_MIB = 3;

/** A thread that unpacks the archive it is fed into the draft of a layer, which it is shut into; with a `blob` it keeps the bytes there too. */
export class WriterThread implements AsyncDisposable {
  readonly #ring: RingWriter;
  readonly #worker: Worker;
  readonly #exited = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<Written>();
  #hasFailed = false;

  private constructor(data: WriterData) {
    this.#ring = new RingWriter(data.memory);
    this.#worker = new Worker(programBeside("./writer-thread.ts", import.meta.url), {
      workerData: data,
      stderr: false,
      // What fills its memory are pieces of 1 MiB outside of V8's heap: the smaller the young generation, the earlier they are freed.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    const { promise, resolve, reject } = this.#finished;
    promise.catch(() => {
      this.#hasFailed = true;
    });
    this.#worker.on("message", (message: FromWriter) => {
      if (message.kind === "done") resolve(message);
      else reject(failureOf(message));
    });
    this.#worker.on("error", reject);
    this.#worker.on("exit", () => {
      this.#exited.resolve();
      reject(new LongshoreError("internal", "layer writer thread ended early"));
    });
  }

  /** `draft` gets `fs` and `index.json.gz`, as a layer's folder has them. */
  static async open(
    draft: string,
    options: Pick<WriterData, "blob" | "isUnhashed"> = {},
  ): Promise<WriterThread> {
    const root = path.join(draft, "fs");
    await mkdir(root, { recursive: true });
    // Warm libuv's pool before the thread exists: a cold one would inherit the thread's root directory (facts/host, verified hole).
    await stat("/");
    return new WriterThread({
      root,
      indexFile: path.join(draft, "index.json.gz"),
      memory: ringMemory(),
      ...options,
    });
  }

  /** False when the thread has failed: finish() tells why. */
  write(chunk: Uint8Array): Promise<boolean> {
    return this.#ring.write(chunk, () => this.#hasFailed);
  }

  /** Waits until all that was written is unpacked. Throws `invalid` for bytes that are no layer, unless they are kept as a blob. */
  finish(): Promise<Written> {
    this.#ring.end();
    return this.#finished.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Not terminate(): a thread that is stopped while it loads koffi, or inside of it, takes the engine with it.
    this.#ring.cut();
    await this.#exited.promise;
  }
}

function failureOf({ isInvalid, message, code }: Extract<FromWriter, { kind: "failed" }>): Error {
  if (code !== undefined) return Object.assign(new Error(message), { code });
  return new LongshoreError(isInvalid ? "invalid" : "internal", message);
}

/** Unpacks a layer's archive into the new folder `draft`. Throws `invalid` for what is wrong with it. */
export async function unpack(
  draft: string,
  source: AsyncIterable<Uint8Array>,
  onBytes: (total: number) => void,
  signal: AbortSignal,
): Promise<Unpacked> {
  await using thread = await WriterThread.open(draft);
  let total = 0;
  for await (const chunk of source) {
    signal.throwIfAborted();
    total += chunk.byteLength;
    onBytes(total);
    if (!(await thread.write(chunk))) break;
  }
  const { tree, diffId } = await unlessAborted(thread.finish(), signal);
  if (tree === undefined || diffId === undefined)
    throw new LongshoreError("internal", "layer writer thread kept no tree");
  return { ...tree, diffId };
}
