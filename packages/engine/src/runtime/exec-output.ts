import { closeSync, constants, openSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { makeFifo, PIPE_BYTES, readNow } from "#host";

type Stream = "stdout" | "stderr";
type Piece = { readonly stream: Stream; readonly bytes: Uint8Array };

/** Output of an exec, read from its FIFOs. */
export class ExecOutput implements Disposable {
  readonly #sources: { readonly stream: Stream; readonly fd: number; readonly socket: net.Socket }[];

  private constructor(sources: { stream: Stream; fd: number; socket: net.Socket }[]) {
    this.#sources = sources;
  }

  /** Makes the FIFOs and opens them before anybody writes. */
  static open(directory: string, hasTty: boolean): ExecOutput {
    const streams: readonly Stream[] = hasTty ? ["stdout"] : ["stdout", "stderr"];
    return new ExecOutput(
      streams.map((stream) => {
        const file = path.join(directory, stream);
        makeFifo(file, 0o600);
        const open = (): number => openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
        // A descriptor of our own for the rest: the socket closes its one.
        const fd = open();
        // libuv stops at an end of file, which a FIFO without writers has: hold one until the process is there.
        const socket = new net.Socket({ fd: open(), readable: true, writable: false });
        socket.on("error", () => {});
        return { stream, fd, socket };
      }),
    );
  }

  /** Pieces as they come. Ends when `exited` has resolved and the pipes are empty, whoever still holds their other ends. */
  async *read(exited: Promise<unknown>): AsyncGenerator<Piece> {
    let isOver = false;
    let wake = Promise.withResolvers<void>();
    const ring = (): void => wake.resolve();
    void exited.then(() => {
      isOver = true;
      ring();
    });
    for (const { socket } of this.#sources) socket.on("readable", ring).on("end", ring);
    try {
      while (!isOver) {
        for (const { stream, socket } of this.#sources)
          for (
            let bytes = socket.read() as Buffer | null;
            bytes !== null;
            bytes = socket.read() as Buffer | null
          )
            yield { stream, bytes };
        if (isOver) break;
        await wake.promise;
        wake = Promise.withResolvers<void>();
      }
      // One synchronous turn, so that the socket cannot read in between and the order stays.
      const rest: Piece[] = [];
      for (const source of this.#sources) rest.push(...drain(source));
      this[Symbol.dispose]();
      yield* rest;
    } finally {
      this[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    for (const { fd, socket } of this.#sources.splice(0)) {
      socket.destroy();
      closeSync(fd);
    }
  }
}

function drain(source: { stream: Stream; fd: number; socket: net.Socket }): readonly Piece[] {
  const pieces: Piece[] = [];
  for (
    let bytes = source.socket.read() as Buffer | null;
    bytes !== null;
    bytes = source.socket.read() as Buffer | null
  )
    pieces.push({ stream: source.stream, bytes });
  for (let total = 0; total < 2 * PIPE_BYTES;) {
    const target = Buffer.alloc(64 * 1024);
    const count = readNow(source.fd, target);
    if (typeof count !== "number" || count === 0) break;
    total += count;
    pieces.push({ stream: source.stream, bytes: target.subarray(0, count) });
  }
  return pieces;
}
