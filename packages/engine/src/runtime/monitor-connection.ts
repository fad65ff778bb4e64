import net from "node:net";
import { createInterface } from "node:readline";
import { LongshoreError } from "#kernel";
import type { ExitEvent, MonitorCalls, MonitorMessage, MonitorMethod } from "./monitor/protocol.ts";

/** A monitor that leaves a request and then a `hello` unanswered for this long each is taken for stuck. */
const PATIENCE_MS = 5_000;

/** The call may or may not have been performed: the monitor died over it. */
export class MonitorLost extends Error {
  override readonly name: string = "MonitorLost";
}

/** One connection to one monitor: every request on it ends, with an answer or with MonitorLost. */
export class MonitorConnection implements Disposable {
  readonly #socket: net.Socket;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #lost = Promise.withResolvers<void>();
  #lastId = 0;
  #patience: NodeJS.Timeout | undefined;
  #isStuck = false;

  private constructor(socket: net.Socket, onExit: (event: ExitEvent) => void) {
    this.#socket = socket;
    socket.on("error", () => {}); // "close" follows
    const lines = createInterface({ input: socket });
    lines.on("error", () => {}); // it repeats the socket's errors (ECONNRESET when the monitor is killed)
    lines.on("line", (line) => {
      const message = JSON.parse(line) as MonitorMessage;
      if ("event" in message) onExit(message);
      else this.#settle(message);
    });
    socket.once("close", () => {
      clearTimeout(this.#patience);
      this.#lost.resolve();
      for (const waiting of this.#pending.values()) waiting.reject(new MonitorLost("the monitor died"));
      this.#pending.clear();
    });
  }

  /** Undefined when nobody listens there. */
  static async open(
    file: string,
    onExit: (event: ExitEvent) => void,
  ): Promise<MonitorConnection | undefined> {
    const socket = net.connect(file);
    return await new Promise((resolve) => {
      const refused = (): void => resolve(undefined);
      socket.once("error", refused);
      socket.once("connect", () => {
        socket.off("error", refused);
        resolve(new MonitorConnection(socket, onExit));
      });
    });
  }

  /** Resolves when the connection is gone, before any request on it is rejected. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  /** True after requests and a `hello` were left unanswered: the process lives, yet it serves nobody. */
  get isStuck(): boolean {
    return this.#isStuck;
  }

  /** Throws MonitorLost when the monitor died before it answered, LongshoreError `invalid` with its sentence when it refused. */
  async send<M extends MonitorMethod>(
    method: M,
    params: MonitorCalls[M]["params"],
  ): Promise<MonitorCalls[M]["result"]> {
    if (this.#socket.destroyed) {
      // "close" comes a turn later; a caller that tries again before it would find this connection again.
      await this.#lost.promise;
      throw new MonitorLost(`the monitor died before "${method}"`);
    }
    const waiting = Promise.withResolvers<unknown>();
    this.#write(method, params, waiting);
    this.#patience ??= setTimeout(() => this.#probe(), PATIENCE_MS).unref();
    return (await waiting.promise) as MonitorCalls[M]["result"];
  }

  #write(method: MonitorMethod, params: unknown, waiting: PromiseWithResolvers<unknown>): void {
    const id = ++this.#lastId;
    this.#pending.set(id, waiting);
    this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
  }

  #settle(message: Exclude<MonitorMessage, ExitEvent>): void {
    const waiting = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) {
      clearTimeout(this.#patience);
      this.#patience = undefined;
    }
    if ("error" in message) waiting?.reject(new LongshoreError("invalid", message.error));
    else waiting?.resolve(message.result);
  }

  /** Some requests take long by right; `hello` never does. */
  #probe(): void {
    const answered = Promise.withResolvers<unknown>();
    answered.promise.then(
      () => {
        clearTimeout(this.#patience);
        this.#patience =
          this.#pending.size === 0 ? undefined : setTimeout(() => this.#probe(), PATIENCE_MS).unref();
      },
      () => {},
    );
    this.#patience = setTimeout(() => {
      this.#isStuck = true;
      this.#socket.destroy();
    }, PATIENCE_MS).unref();
    this.#write("hello", {}, answered);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
