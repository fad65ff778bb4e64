import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { DockerError, FrameSplitter, jsonLines } from "@longshore/client";
import type { EngineEvent, LogChunk, ProgressLine } from "@longshore/protocol";
import { takeArchive } from "./archive-choice.ts";
import type { BridgeDeps } from "./calls.ts";
import { Meters } from "./meters.ts";
import type { Outlet } from "./port-stream.ts";
import { listOf, record, text, whole } from "./schema.ts";
import { runAttach, runExec } from "./terminal.ts";
import type { StreamTable } from "./wrapper.ts";

const none = record<Readonly<Record<string, never>>>({});
const id = text(512, 1);
const size = whole(1, 1000);
const PACE = { everyMs: 3_000, firstMs: 1_000 };

/** Every stream of the bridge, through the engine's API. */
export function streamTable({ supervisor }: BridgeDeps): StreamTable {
  const { docker } = supervisor;
  const meters = new Meters((one, signal) => docker.getContainer(one).counters(signal), PACE);
  return {
    "engine.watch": {
      parse: none,
      run: async (_args, out) => {
        using _watch = supervisor.watch((state) => void out.send(state).catch(() => undefined));
        await out.send(supervisor.state);
        await aborted(out.signal);
        return null;
      },
    },
    events: {
      parse: none,
      run: async (_args, out) => {
        const stream = await docker.getEvents({ abortSignal: out.signal });
        for await (const event of jsonLines<EngineEvent>(stream)) await out.send(event);
        return null;
      },
    },
    stats: {
      parse: record({ ids: listOf(id, 2_000) }),
      run: async ({ ids }, out) => {
        await meters.follow(ids, out);
        return null;
      },
    },
    logs: {
      parse: record({ id, tail: whole(0, 1_000_000), since: text(64) }),
      run: async (args, out) => {
        const container = docker.getContainer(args.id);
        const { Config } = await container.inspect({ abortSignal: out.signal });
        const stream = await container.logs({
          follow: true,
          stdout: true,
          stderr: true,
          timestamps: true,
          tail: args.tail,
          ...(args.since === "" ? {} : { since: args.since }),
          abortSignal: out.signal,
        });
        const splitter = new FrameSplitter();
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          const chunks: LogChunk[] =
            Config.Tty === true
              ? [{ source: "stdout", bytes: new Uint8Array(chunk) }]
              : [...splitter.push(chunk)].map((frame) => ({
                  source: frame.source === "stderr" ? "stderr" : "stdout",
                  bytes: new Uint8Array(frame.bytes),
                }));
          await out.send(chunks, chunk.length);
        }
        return null;
      },
    },
    exec: {
      parse: record({ id, command: listOf(text(4096), 64), columns: size, rows: size }),
      run: (args, out) => runExec(docker, args, out),
    },
    attach: {
      parse: record({ id, columns: size, rows: size }),
      run: (args, out) => runAttach(docker, args, out),
    },
    pull: {
      parse: record({ reference: text(512, 1) }),
      run: async ({ reference }, out) =>
        progress(await docker.pull(reference, { abortSignal: out.signal }), out),
    },
    load: {
      parse: record({ token: text(64, 1) }),
      run: async ({ token }, out) => {
        const archive = createReadStream(takeArchive(token));
        return await progress(await docker.loadImage(archive, { abortSignal: out.signal }), out);
      },
    },
    "starter.load": {
      parse: none,
      run: async (_args, out) =>
        progress(await docker.longshore.loadStarter({ abortSignal: out.signal }), out),
    },
  };
}

async function progress(stream: Readable, out: Outlet<ProgressLine>): Promise<null> {
  for await (const line of jsonLines<ProgressLine>(stream)) {
    if (line.error !== undefined || line.errorDetail !== undefined)
      throw new DockerError(500, line.errorDetail?.message ?? line.error ?? "unknown error", line);
    await out.send(line);
  }
  return null;
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
