import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Docker, DockerError, jsonLines } from "@longshore/client";
import type { EngineEvent, EngineState, StartStep, TrashLimits } from "@longshore/protocol";
import type { EnginePlan } from "./plan.ts";

const STEPS = [
  "Look for a running engine",
  "Start the engine",
  "Wait for its answer",
  "Read its version",
] as const;
const ANSWER_LIMIT_MS = 60_000;
const PING_LIMIT_MS = 2_000;

class StartFailure extends Error {
  readonly hint: string;
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}

/** Starts or joins the engine and tells how far it is. The engine is a program of its own and outlives the window. */
export class Supervisor {
  readonly docker: Docker;
  readonly #plan: EnginePlan;
  readonly #listeners: Set<(state: EngineState) => void> = new Set();
  #state: EngineState;
  #retry: (() => void) | undefined;

  constructor(plan: EnginePlan) {
    this.#plan = plan;
    this.docker = new Docker({ socketPath: plan.socketPath });
    this.#state = {
      phase: "starting",
      isLongshore: false,
      trash: null,
      isOurs: false,
      endpoint: plan.socketPath,
      steps: STEPS.map((name) => ({ name, state: "waiting", tookMs: 0, detail: "" })),
    };
  }

  get state(): EngineState {
    return this.#state;
  }

  watch(listener: (state: EngineState) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Tries again now, after a failure. */
  retry(): void {
    this.#retry?.();
  }

  /** Connects, watches, and connects again when the engine goes away, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#connect(signal);
        await this.#watchUntilLost(signal);
        if (signal.aborted) return;
        this.#set({ phase: "lost" });
        await sleep(300, undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        this.#fail(error);
        await this.#waitForRetry(signal);
      }
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const isAgain = this.#state.phase === "lost";
    const { failure: _old, ...rest } = this.#state;
    this.#state = rest;
    this.#set({
      phase: isAgain ? "lost" : "starting",
      steps: STEPS.map((name) => ({ name, state: "waiting", tookMs: 0, detail: "" })),
    });
    const joined = await this.#step(0, signal, async () => {
      if (await this.#answers(signal)) return "found one";
      if (this.#plan.start === undefined)
        throw new StartFailure(
          `Nobody answers at ${this.#plan.socketPath}.`,
          "Start that engine, or start Longshore without --socket to run its own.",
        );
      return "none is running";
    });
    let exited: Promise<never> | undefined;
    if (joined === "found one") {
      this.#mark(1, { state: "done", detail: "not needed" });
    } else {
      await this.#step(1, signal, () => {
        exited = this.#spawn();
        return Promise.resolve("");
      });
    }
    await this.#step(2, signal, async () => {
      const answered = this.#waitForAnswer(signal);
      await (exited === undefined ? answered : Promise.race([answered, exited]));
      return "";
    });
    const [isLongshore, trash] = await Promise.all([
      this.#speaksLongshore(signal),
      this.#trashLimits(signal),
    ]);
    await this.#step(3, signal, async () => {
      const version = await this.docker.version({
        abortSignal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
      });
      return `${version.Version}, API ${version.ApiVersion}`;
    });
    this.#set({ phase: "ready", isLongshore, trash, isOurs: joined !== "found one" });
  }

  async #answers(signal: AbortSignal): Promise<boolean> {
    try {
      await this.docker.ping({ abortSignal: AbortSignal.any([signal, AbortSignal.timeout(PING_LIMIT_MS)]) });
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof DockerError && error.statusCode === 0 && /EACCES/.test(error.reason))
        throw new StartFailure(
          `You may not open ${this.#plan.socketPath}.`,
          "Start Longshore as the user who runs that engine.",
          { cause: error },
        );
      return false;
    }
  }

  async #waitForAnswer(signal: AbortSignal): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
    while (!(await this.#answers(signal))) {
      if (limit.aborted && !signal.aborted)
        throw new StartFailure(
          `The engine runs but has not answered for ${ANSWER_LIMIT_MS / 1000} s.`,
          "Look at its log below, then try again.",
        );
      await sleep(80, undefined, { signal });
    }
  }

  async #speaksLongshore(signal: AbortSignal): Promise<boolean> {
    try {
      await this.docker.longshore.starter({
        abortSignal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
      });
      return true;
    } catch (error) {
      signal.throwIfAborted();
      return error instanceof DockerError && error.statusCode !== 404 && error.statusCode !== 0;
    }
  }

  /** Without a promise of the engine the window says that a removal is for good. */
  async #trashLimits(signal: AbortSignal): Promise<TrashLimits | null> {
    try {
      const limits = await this.docker.longshore.trashLimits({
        abortSignal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
      });
      return limits.quotaBytes > 0 ? limits : null;
    } catch {
      signal.throwIfAborted();
      return null;
    }
  }

  /** Resolves never; rejects when the engine ends before it answers. */
  #spawn(): Promise<never> {
    const { start } = this.#plan;
    if (start === undefined) throw new Error("there is no engine to start");
    const [program = "", ...args] = start.command;
    mkdirSync(start.stateRoot, { recursive: true, mode: 0o700 });
    const log = openSync(this.#logPath(), "w", 0o600);
    const child = spawn(program, args, { detached: true, stdio: ["ignore", log, log] });
    closeSync(log);
    child.unref();
    const { promise, reject } = Promise.withResolvers<never>();
    child.once("error", (error) =>
      reject(
        new StartFailure(`The engine's program cannot run: ${error.message}`, "Install Longshore again."),
      ),
    );
    child.once("exit", (code, signal) =>
      reject(
        new StartFailure(
          `The engine ended at once (${signal ?? `exit code ${code}`}).`,
          "Its own words below name what is missing.",
        ),
      ),
    );
    promise.catch(() => undefined);
    return promise;
  }

  #logPath(): string {
    return join(this.#plan.start?.stateRoot ?? "/nonexistent", "engine.log");
  }

  async #watchUntilLost(signal: AbortSignal): Promise<void> {
    try {
      for await (const _event of jsonLines<EngineEvent>(
        await this.docker.getEvents({ abortSignal: signal }),
      ));
    } catch {
      // However the stream ended, the engine is gone; the next connect says why.
    }
  }

  #waitForRetry(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#retry = resolve;
    signal.addEventListener("abort", () => resolve(), { once: true });
    return promise;
  }

  async #step<T extends string>(at: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    this.#mark(at, { state: "running" });
    try {
      const detail = await work();
      signal.throwIfAborted();
      this.#mark(at, { state: "done", detail, tookMs: Math.round(performance.now() - startedAt) });
      return detail;
    } catch (error) {
      this.#mark(at, { state: "failed", tookMs: Math.round(performance.now() - startedAt) });
      throw error;
    }
  }

  #mark(at: number, change: Partial<StartStep>): void {
    this.#set({ steps: this.#state.steps.map((step, i) => (i === at ? { ...step, ...change } : step)) });
  }

  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const hint =
      error instanceof StartFailure ? error.hint : "Try again; the details below say what was tried.";
    this.#set({ phase: "failed", failure: { message, hint, log: this.#logTail() } });
  }

  #logTail(): string {
    try {
      return readFileSync(this.#logPath(), "utf8").slice(-8_000);
    } catch {
      return "";
    }
  }

  #set(change: Partial<EngineState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener(this.#state);
  }
}
