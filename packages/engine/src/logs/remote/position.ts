import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";

/** How far one stream was delivered. */
export interface StreamPosition {
  /** Everything of this stream before it was delivered. */
  readonly offset: number;
  /** The line that goes on there, of which parts were delivered. */
  readonly line?: { readonly start: number; readonly timeNano: bigint; readonly ordinal: number };
}

export interface ShippedPosition {
  readonly stdout: StreamPosition;
  readonly stderr: StreamPosition;
}

/** In the container's log directory. */
export const SHIPPED_FILE = "shipped";
/** Divides the page: one write of it is there whole or not at all when the engine is killed. */
const RECORD_BYTES = 256;
const NOWHERE: ShippedPosition = { stdout: { offset: 0 }, stderr: { offset: 0 } };

/** Keeps how far a log was delivered, as one JSON line of fixed length written in place. */
export class PositionFile implements AsyncDisposable {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(directory: string): Promise<PositionFile> {
    const place = path.join(directory, SHIPPED_FILE);
    return new PositionFile(await open(place, constants.O_RDWR | constants.O_CREAT, 0o640));
  }

  /** The log's begin when nothing readable is there: then lines are repeated rather than lost. */
  async read(): Promise<ShippedPosition> {
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(RECORD_BYTES), 0, RECORD_BYTES, 0);
    return parsePosition(buffer.toString("latin1", 0, bytesRead));
  }

  async write(position: ShippedPosition): Promise<void> {
    const text = JSON.stringify(position, (_key, value: unknown) =>
      typeof value === "bigint" ? value.toString() : value,
    );
    await this.#file.write(`${text.padEnd(RECORD_BYTES - 1)}\n`, 0, "latin1");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

function parsePosition(text: string): ShippedPosition {
  try {
    const parsed = JSON.parse(text) as Record<"stdout" | "stderr", unknown>;
    return { stdout: streamOf(parsed.stdout), stderr: streamOf(parsed.stderr) };
  } catch {
    return NOWHERE;
  }
}

function streamOf(value: unknown): StreamPosition {
  const { offset, line } = value as { offset: unknown; line?: Record<string, unknown> };
  if (!Number.isSafeInteger(offset)) throw new RangeError("offset");
  if (line === undefined) return { offset: Number(offset) };
  return {
    offset: Number(offset),
    line: {
      start: Number(line["start"]),
      timeNano: BigInt(String(line["timeNano"])),
      ordinal: Number(line["ordinal"]),
    },
  };
}
