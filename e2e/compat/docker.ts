import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  dockerArchive,
  type EngineOptions,
  type EngineUnderTest,
  startEngine,
  starterRecipe,
} from "@longshore/testkit";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real docker CLI (DOCKER_CLI names another one) on one engine: ours, or a foreign one named by DOCKER_PEER. */
export interface Docker extends AsyncDisposable {
  /** Runs `docker ARGS` to its end; never throws for an exit code. */
  (...args: readonly string[]): Promise<Outcome>;
  /** Runs `docker ARGS`, expects exit code 0 and answers trimmed standard output. */
  ok(...args: readonly string[]): Promise<string>;
  withInput(input: string | Uint8Array, ...args: readonly string[]): Promise<Outcome>;
  /** Starts `docker ARGS` and leaves it running. */
  open(...args: readonly string[]): ChildProcessWithoutNullStreams;
  /** A name nobody used yet. */
  fresh(kind: string): string;
  readonly socket: string;
  /** Undefined with a foreign engine. */
  readonly engine: EngineUnderTest | undefined;
}

export const STARTER = "longshore/starter:latest";

/** Starts the engine (or joins the peer), with the starter image loaded. Options hold for the engine of ours. */
export async function openDocker(options: EngineOptions = {}): Promise<Docker> {
  const peer = process.env["DOCKER_PEER"]?.replace(/^unix:\/\//, "");
  const engine = peer === undefined ? await startEngine(options) : undefined;
  const socket = peer ?? engine?.socket ?? "";
  const config = mkdtempSync(join(tmpdir(), "longshore-cli-"));
  const program = process.env["DOCKER_CLI"] ?? "docker";
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config };
  const open = (...args: readonly string[]): ChildProcessWithoutNullStreams => spawn(program, args, { env });
  const withInput = async (input: string | Uint8Array, ...args: readonly string[]): Promise<Outcome> => {
    const child = open(...args);
    // The CLI may end before it read everything; its exit code tells what matters.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    return finish(child);
  };
  const call = (...args: readonly string[]): Promise<Outcome> => withInput("", ...args);
  let serial = 0;
  const made: string[] = [];
  const docker: Docker = Object.assign(call, {
    async ok(...args: readonly string[]): Promise<string> {
      const { code, stdout, stderr } = await call(...args);
      if (code !== 0) throw new Error(`docker ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
      return stdout.trim();
    },
    withInput,
    open,
    fresh(kind: string): string {
      const name = `ls-${kind}-${process.pid}-${serial++}`;
      made.push(name);
      return name;
    },
    socket,
    engine,
    async [Symbol.asyncDispose](): Promise<void> {
      if (engine === undefined && made.length > 0) {
        await call("rm", "-fv", ...made);
        await call("network", "rm", ...made);
        await call("volume", "rm", ...made);
      }
      await engine?.[Symbol.asyncDispose]();
      rmSync(config, { recursive: true, force: true });
    },
  });
  try {
    const loaded = await withInput(dockerArchive(starterRecipe()), "load");
    if (loaded.code !== 0) throw new Error(`docker load of the starter image failed: ${loaded.stderr}`);
  } catch (error) {
    await docker[Symbol.asyncDispose]();
    throw error;
  }
  return docker;
}

export async function finish(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  const code = await new Promise<number>((done, fail) => {
    child.once("error", fail);
    child.once("close", (status) => done(status ?? -1));
  });
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}

/** Asks again until `probe` answers something true; fails with `what` after ten seconds. */
export async function until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`still waiting for ${what}`);
    await sleep(50);
  }
}

/** One raw request with any body; for what a well-behaved client can't send. */
export async function raw(
  socket: string,
  method: string,
  path: string,
  body?: string,
  headers: Readonly<Record<string, string>> = { "Content-Type": "application/json" },
): Promise<{ status: number; message: string }> {
  const { request } = await import("node:http");
  return new Promise((done, fail) => {
    const sent = request({ socketPath: socket, method, path, headers }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.once("end", () => {
        const isJson = (response.headers["content-type"] ?? "").startsWith("application/json");
        done({
          status: response.statusCode ?? 0,
          message: isJson ? (JSON.parse(text).message ?? text) : text,
        });
      });
    });
    sent.once("error", fail);
    sent.end(body);
  });
}

/** Lines of a file of the host, for what a test bound or published. */
export function linesOf(path: string): string[] {
  return readFileSync(path, "utf8").trimEnd().split("\n");
}
