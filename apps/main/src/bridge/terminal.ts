import { once } from "node:events";
import type { Duplex } from "node:stream";
import { FrameSplitter, type Container, type Docker } from "@longshore/client";
import type { BridgeStreams, TerminalOutput } from "@longshore/protocol";
import type { Outlet } from "./port-stream.ts";

type Resize = (columns: number, rows: number) => Promise<unknown>;

/** A shell in a container: input, output and size, until it ends. Closing the stream hangs it up. */
export async function runExec(
  docker: Docker,
  args: BridgeStreams["exec"]["args"],
  out: Outlet<TerminalOutput>,
): Promise<{ exitCode: number | null }> {
  const exec = await docker.getContainer(args.id).exec({
    Cmd: args.command,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: true,
    Env: ["TERM=xterm-256color"],
    // Engines that know it (API 1.42) give the terminal this size before the shell's first instruction.
    ConsoleSize: [args.rows, args.columns],
    abortSignal: out.signal,
  });
  const stream = await exec.start({ Tty: true, abortSignal: out.signal });
  const resize: Resize = (w, h) => exec.resize({ w, h, abortSignal: out.signal });
  await resizeSoon(resize, args.columns, args.rows);
  await join(stream, true, out, resize);
  const { ExitCode } = await exec.inspect({ abortSignal: AbortSignal.timeout(5_000) });
  return { exitCode: ExitCode };
}

/** The container's own main process: a TTY as it is, else its two outputs joined. */
export async function runAttach(
  docker: Docker,
  args: BridgeStreams["attach"]["args"],
  out: Outlet<TerminalOutput>,
): Promise<{ exitCode: number | null }> {
  const container: Container = docker.getContainer(args.id);
  const { Config } = await container.inspect({ abortSignal: out.signal });
  const stream = await container.attach({
    stream: true,
    stdin: Config.OpenStdin === true,
    stdout: true,
    stderr: true,
    abortSignal: out.signal,
  });
  const hasTty = Config.Tty === true;
  const resize: Resize = (w, h) =>
    hasTty ? container.resize({ w, h, abortSignal: out.signal }) : Promise.resolve();
  await resizeSoon(resize, args.columns, args.rows);
  await join(stream, hasTty, out, resize);
  const { State } = await container.inspect({ abortSignal: AbortSignal.timeout(5_000) });
  return { exitCode: State.Running ? null : State.ExitCode };
}

async function join(
  stream: Duplex,
  hasTty: boolean,
  out: Outlet<TerminalOutput>,
  resize: Resize,
): Promise<void> {
  out.listen(
    (bytes) => void stream.write(bytes),
    (columns, rows) => void resize(columns, rows).catch(() => undefined),
  );
  const splitter = new FrameSplitter();
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (hasTty) await out.send({ bytes: new Uint8Array(chunk) }, chunk.length);
      else
        for (const frame of splitter.push(chunk))
          await out.send({ bytes: withCarriageReturns(frame.bytes) }, frame.bytes.length);
    }
  } finally {
    if (!stream.destroyed) {
      stream.destroy();
      await once(stream, "close").catch(() => undefined);
    }
  }
}

/** A terminal needs CR LF; a process without a TTY writes LF. */
function withCarriageReturns(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(
    Buffer.from(Buffer.from(bytes).toString("latin1").replaceAll(/\r?\n/g, "\r\n"), "latin1"),
  );
}

/** The process may not run yet at the first try: the size must still be right before the first prompt is read. */
async function resizeSoon(resize: Resize, columns: number, rows: number): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      await resize(columns, rows);
      return;
    } catch {
      await new Promise((done) => setTimeout(done, 40));
    }
  }
}
