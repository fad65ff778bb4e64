import type { MessagePortMain } from "electron";
import { streamWindowBytes, type StreamControl, type StreamMessage } from "@longshore/protocol";
import { toBridgeError } from "./errors.ts";

/** Where a producer puts items; waits while the window is behind. */
export interface Outlet<Item> {
  readonly signal: AbortSignal;
  send(item: Item, costBytes?: number): Promise<void>;
  /** Takes what the window types and how large its terminal is. */
  listen(onInput: (bytes: Uint8Array) => void, onResize: (columns: number, rows: number) => void): void;
}

type Port = Pick<MessagePortMain, "postMessage" | "start" | "close" | "on">;
const DEFAULT_COST_BYTES = 256;

/** One stream over a port. The producer pauses above `streamWindowBytes` that the window has not taken; closing aborts it. */
export class PortStream<Item, End> implements Outlet<Item> {
  readonly #port: Port;
  readonly #abort: AbortController = new AbortController();
  #inFlightBytes = 0;
  #wake: (() => void) | undefined;
  /** What was typed before anybody listened: a shell takes a moment to open, and loses nothing that was typed meanwhile. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #earlySize: readonly [columns: number, rows: number] | undefined;
  #onInput: ((bytes: Uint8Array) => void) | undefined;
  #onResize: ((columns: number, rows: number) => void) | undefined;

  constructor(port: Port) {
    this.#port = port;
    port.on("message", (event) => this.#take(event.data));
    port.on("close", () => this.#abort.abort(new Error("the window closed the stream")));
    port.start();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async run(produce: (out: Outlet<Item>) => Promise<End>): Promise<void> {
    try {
      const end = await produce(this);
      this.#post({ kind: "end", end });
    } catch (error) {
      this.#post({ kind: "error", error: toBridgeError(error, this.signal) });
    } finally {
      this.#abort.abort(new Error("the stream ended"));
      this.#port.close();
    }
  }

  async send(item: Item, costBytes: number = DEFAULT_COST_BYTES): Promise<void> {
    this.signal.throwIfAborted();
    this.#inFlightBytes += costBytes;
    this.#post({ kind: "item", item, cost: costBytes });
    while (this.#inFlightBytes > streamWindowBytes) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      this.signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      this.signal.throwIfAborted();
    }
  }

  listen(onInput: (bytes: Uint8Array) => void, onResize: (columns: number, rows: number) => void): void {
    this.#onInput = onInput;
    this.#onResize = onResize;
    if (this.#earlySize !== undefined) onResize(...this.#earlySize);
    for (const bytes of this.#early.splice(0)) onInput(bytes);
  }

  #post(message: StreamMessage<Item, End>): void {
    this.#port.postMessage(message);
  }

  #keep(bytes: Uint8Array): void {
    if (this.#earlyBytes + bytes.length > streamWindowBytes) return;
    this.#earlyBytes += bytes.length;
    this.#early.push(bytes);
  }

  #take(data: unknown): void {
    const control = parseControl(data);
    switch (control?.kind) {
      case "credit":
        this.#inFlightBytes = Math.max(0, this.#inFlightBytes - control.cost);
        this.#wake?.();
        break;
      case "input":
        if (this.#onInput === undefined) this.#keep(control.bytes);
        else this.#onInput(control.bytes);
        break;
      case "resize":
        if (this.#onResize === undefined) this.#earlySize = [control.columns, control.rows];
        else this.#onResize(control.columns, control.rows);
        break;
      case "close":
        this.#abort.abort(new Error("the window closed the stream"));
        break;
      case undefined:
        break;
    }
  }
}

/** A control message of the window, or nothing when it is not one: sizes are bounded, so a broken page cannot harm the engine. */
export function parseControl(data: unknown): StreamControl | undefined {
  if (typeof data !== "object" || data === null || !("kind" in data)) return undefined;
  const { kind, cost, bytes, columns, rows } = data as Readonly<Record<string, unknown>>;
  if (kind === "close") return { kind };
  if (kind === "credit" && typeof cost === "number" && cost >= 0) return { kind, cost };
  if (kind === "input" && bytes instanceof Uint8Array && bytes.length <= streamWindowBytes)
    return { kind, bytes };
  if (kind === "resize" && isSize(columns) && isSize(rows)) return { kind, columns, rows };
  return undefined;
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 1000;
}
