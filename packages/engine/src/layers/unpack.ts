import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { LongshoreError, programBeside } from "#kernel";
import { type Digest, parseDigest } from "#spec";
import { ringMemory, RingWriter } from "./byte-ring.ts";
import { plainBytes } from "./plain-bytes.ts";
import type { FromWriter, UnpackedTree, WriterData } from "./writer-protocol.ts";

/** A thread that unpacks the plain tar it is fed into the directory `root`, which it is shut into; with `blobFile` it keeps the bytes there too. */
export class WriterThread implements AsyncDisposable {
  readonly #ring: RingWriter;
  readonly #worker: Worker;
  readonly #exited = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<Extract<FromWriter, { kind: "done" }>>();
  #hasFailed = false;

  private constructor(data: WriterData) {
    this.#ring = new RingWriter(data.memory);
    this.#worker = new Worker(programBeside("./writer-thread.ts", import.meta.url), {
      workerData: data,
      stderr: false,
    });
    const { promise, resolve, reject } = this.#finished;
    promise.catch(() => {
      this.#hasFailed = true;
    });
    this.#worker.on("message", (message: FromWriter) => {
      if (message.kind === "done") resolve(message);
      else reject(new LongshoreError(message.isInvalid ? "invalid" : "internal", message.message));
    });
    this.#worker.on("error", reject);
    this.#worker.on("exit", () => {
      this.#exited.resolve();
      reject(new LongshoreError("internal", "layer writer thread ended early"));
    });
  }

  static async open(root: string, blobFile?: string): Promise<WriterThread> {
    // Warm libuv's pool before the thread exists: a cold one would inherit the thread's root directory (facts/host, verified hole).
    await stat("/");
    return new WriterThread({ root, memory: ringMemory(), ...(blobFile !== undefined && { blobFile }) });
  }

  /** False when the thread has failed: finish() tells why. */
  write(chunk: Uint8Array): Promise<boolean> {
    return this.#ring.write(chunk, () => this.#hasFailed);
  }

  /** The tree; undefined for bytes that are no layer, when they were kept as a blob. Throws `invalid` otherwise. */
  async finish(): Promise<UnpackedTree | undefined> {
    this.#ring.end();
    return (await this.#finished.promise).tree;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Not terminate(): a thread that is stopped while it loads koffi, or inside of it, takes the engine with it.
    this.#ring.end();
    await this.#exited.promise;
  }
}

export interface Unpacked extends UnpackedTree {
  readonly diffId: Digest;
}

/** Unpacks a layer tar into the empty directory `root`. Throws `invalid` for what is wrong with the archive. */
export async function unpack(
  root: string,
  source: AsyncIterable<Uint8Array>,
  onPlainBytes: (total: number) => void,
  signal: AbortSignal,
): Promise<Unpacked> {
  await using thread = await WriterThread.open(root);
  const hash = createHash("sha256");
  let total = 0;
  for await (const chunk of plainBytes(source, signal)) {
    signal.throwIfAborted();
    hash.update(chunk);
    total += chunk.length;
    onPlainBytes(total);
    if (!(await thread.write(chunk))) break;
  }
  const tree = await thread.finish();
  if (tree === undefined) throw new LongshoreError("internal", "layer writer thread kept no tree");
  return { ...tree, diffId: parseDigest(`sha256:${hash.digest("hex")}`) };
}
