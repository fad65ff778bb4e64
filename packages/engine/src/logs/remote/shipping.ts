import { type Clock, LongshoreError, type Logger, messageOf, systemClock } from "#kernel";
import type { LogSource, Shipment } from "../contract.ts";
import type { RemoteConnection, RemoteDriver } from "./driver.ts";
import { Forwarder } from "./forwarder.ts";
import { makeRemoteDriver, REMOTE_LOG_DRIVERS } from "./index.ts";
import { JOURNALD_SOCKET } from "./journald.ts";

/** What a removal waits for the rest to be delivered, as Docker's close of a logger. */
const FAREWELL_MS = 10_000;

interface Running {
  readonly forwarder: Forwarder;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

export interface ShippingDeps {
  readonly log: Logger;
  /** The machine's when absent. */
  readonly clock?: Clock;
  readonly journaldSocket?: string;
}

/** The forwarders of this engine, at most one for each log. */
export class Shipping implements AsyncDisposable {
  readonly #deps: Required<ShippingDeps>;
  readonly #running = new Map<string, Running>();

  constructor(deps: ShippingDeps) {
    this.#deps = { clock: systemClock, journaldSocket: JOURNALD_SOCKET, ...deps };
  }

  async open(source: LogSource, signal: AbortSignal): Promise<Shipment | undefined> {
    if (!REMOTE_LOG_DRIVERS.includes(source.driver)) return undefined;
    try {
      const driver = this.#driverOf(source);
      let connection = driver.isNeededAtStart ? await driver.connect(signal) : undefined;
      return {
        begin: async (ended) => {
          const own = connection;
          connection = undefined;
          await this.#begin(source, driver, own, ended);
        },
        [Symbol.dispose]: () => connection?.[Symbol.dispose](),
      };
    } catch (error) {
      signal.throwIfAborted();
      throw new LongshoreError("internal", `failed to initialize logging driver: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async resume(source: LogSource, ended: Promise<unknown>): Promise<void> {
    if (!REMOTE_LOG_DRIVERS.includes(source.driver)) return;
    try {
      await this.#begin(source, this.#driverOf(source), undefined, ended);
    } catch (error) {
      // The container runs on and its log stays here: no reason to keep the engine from starting.
      this.#deps.log.error("output is not sent", { container: source.subject.id, error });
    }
  }

  #driverOf({ driver, options, subject }: LogSource): RemoteDriver {
    const { clock, journaldSocket } = this.#deps;
    return makeRemoteDriver(driver, options, subject, { clock, journaldSocket });
  }

  async #begin(
    { directory, subject }: LogSource,
    driver: RemoteDriver,
    connection: RemoteConnection | undefined,
    ended: Promise<unknown>,
  ): Promise<void> {
    const { log, clock } = this.#deps;
    // A forwarder of the run before, whose server was away: this one goes on where it was.
    await this.#end(directory, this.#running.get(directory));
    const stop = new AbortController();
    const deps = { driver, directory, containerId: subject.id, log, clock };
    const forwarder = new Forwarder(deps, connection, stop.signal);
    const work = async (): Promise<void> => {
      await using own = forwarder;
      try {
        await own.run(ended);
      } catch (error) {
        if (!stop.signal.aborted) log.error("output is not sent any more", { container: subject.id, error });
      }
    };
    const running: Running = {
      forwarder,
      stop,
      done: work().finally(() => {
        if (this.#running.get(directory) === running) this.#running.delete(directory);
      }),
    };
    this.#running.set(directory, running);
  }

  /** Gives the rest its time while the server takes it. */
  async stop(directory: string): Promise<void> {
    const running = this.#running.get(directory);
    if (running === undefined) return;
    const enough = new AbortController();
    if (!running.forwarder.isStalled)
      await Promise.race([running.done, this.#deps.clock.sleep(FAREWELL_MS, enough.signal).catch(() => {})]);
    enough.abort();
    await this.#end(directory, running);
  }

  async #end(directory: string, running: Running | undefined): Promise<void> {
    if (running === undefined) return;
    running.stop.abort(new Error(`the log in "${directory}" is not sent any more`));
    await running.done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map(([directory, running]) => this.#end(directory, running)));
  }
}
