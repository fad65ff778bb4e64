import { closeSync, constants, openSync } from "node:fs";
import path from "node:path";
import { openPidfd, takeDescriptor, writeNow } from "#host";
import { errno } from "#kernel";
import type { MonitorLink } from "./monitor-link.ts";
import type { TaskRecord } from "./monitor/protocol.ts";
import { setTimeout as delay } from "node:timers/promises";

/** How long to wait before looking again whether a full pipe has room: the kernel has no event for it that Node can see. */
const FULL_PAUSE_MS = 2;

/** Writes to a process's stdin: its FIFO by path, or its terminal's master through the monitor. Nothing to write to = dropped. */
export class StdinWriter implements Disposable {
  readonly #record: TaskRecord;
  readonly #monitor: MonitorLink;
  #fd: number | undefined;
  #isClosed: boolean;
  #queue: Promise<void> = Promise.resolve();

  constructor(record: TaskRecord, monitor: MonitorLink) {
    this.#record = record;
    this.#monitor = monitor;
    this.#isClosed = !record.launch.hasStdin || record.exit !== undefined;
  }

  /** Chunks go out in the order of the calls. */
  async write(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    const turn = this.#queue.then(() => this.#writeAll(chunk, signal));
    this.#queue = turn.catch(() => {});
    await turn;
  }

  async #writeAll(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    for (let rest = chunk; rest.byteLength > 0;) {
      signal.throwIfAborted();
      if (this.#isClosed) return;
      this.#fd ??= await this.#open();
      if (this.#fd === undefined) return;
      const written = writeNow(this.#fd, rest);
      if (written === "closed") return;
      rest = rest.subarray(written);
      if (written === 0) await delay(FULL_PAUSE_MS, undefined, { signal });
    }
  }

  async #open(): Promise<number | undefined> {
    const { launch } = this.#record;
    if (launch.consoleSocket !== undefined) return await this.#openMaster(launch.key);
    try {
      return openSync(path.join(launch.directory, "stdin"), constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      // No reader, or the process's directory is gone: it has ended.
      if (errno(error) === "ENXIO" || errno(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Every monitor has the master under a number of its own: the one that lives now is asked for it. */
  async #openMaster(key: string): Promise<number | undefined> {
    for (;;) {
      const pid = await this.#monitor.pid();
      const records = await this.#monitor.repeat("list", {});
      if ((await this.#monitor.pid()) !== pid) continue;
      const masterFd = records.find((record) => record.launch.key === key)?.masterFd;
      if (masterFd === undefined) return undefined;
      try {
        const pidfd = openPidfd(pid);
        try {
          return takeDescriptor(pidfd, masterFd);
        } finally {
          closeSync(pidfd);
        }
      } catch (error) {
        // It died at this moment, and the next one is asked.
        if (errno(error) !== "ESRCH" || this.#isClosed) throw error;
        await delay(FULL_PAUSE_MS);
      }
    }
  }

  /** The process sees end of file once everything written before has been read. A terminal has none to give. */
  async close(): Promise<void> {
    if (this.#isClosed || this.#record.launch.consoleSocket !== undefined) return;
    await this.#queue;
    this[Symbol.dispose]();
    await this.#monitor.repeat("closeStdin", { key: this.#record.launch.key });
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
