import { type Clock, randomId, messageOf, rfc3339Nano } from "#kernel";
import type { ExecTask } from "#runtime";
import type { Healthcheck } from "#spec";
import { type Context, publish } from "./context.ts";
import type { Container, ContainerSettings, HealthResult } from "./contract.ts";
import { commandWords } from "./exec.ts";
import { execProcess } from "./exec-process.ts";

const SIGKILL = 9;
/** What a probe may say; the rest is cut, as Docker does. */
const MAX_OUTPUT_BYTES = 4096;
const NANO_PER_MS = 1_000_000;

/** A health check with every value filled in. Source: Docker Engine API, HealthConfig. */
export interface Probe {
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures this long after the start don't count. */
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

/** The probe of a container's settings; undefined when there is none, also for `NONE`. */
export function probeOf(settings: Pick<ContainerSettings, "Healthcheck" | "Shell">): Probe | undefined {
  const { Healthcheck: check, Shell } = settings;
  const command = commandOf(check, Shell);
  if (check === undefined || command === undefined) return undefined;
  const ms = (nano: number | undefined, otherwise: number): number =>
    nano === undefined || nano === 0 ? otherwise : nano / NANO_PER_MS;
  return {
    command,
    intervalMs: ms(check.Interval, 30_000),
    timeoutMs: ms(check.Timeout, 30_000),
    startPeriodMs: ms(check.StartPeriod, 0),
    startIntervalMs: ms(check.StartInterval, 5000),
    retries: check.Retries === undefined || check.Retries === 0 ? 3 : check.Retries,
  };
}

function commandOf(
  check: Healthcheck | undefined,
  shell: readonly string[] | undefined,
): readonly string[] | undefined {
  const [kind, ...words] = check?.Test ?? [];
  if (words.length === 0) return undefined;
  if (kind === "CMD") return words;
  if (kind !== "CMD-SHELL") return undefined;
  return [...(shell === undefined || shell.length === 0 ? ["/bin/sh", "-c"] : shell), words[0] ?? ""];
}

/** Runs the probe once, as an exec of the container's user. Never throws but for the abort of `signal`: a failure is a result. */
export async function runProbe(
  context: Context,
  container: Container,
  probe: Probe,
  signal: AbortSignal,
): Promise<HealthResult> {
  const start = stamp(context.clock);
  const execID = randomId();
  const words = commandWords(probe.command);
  publish(context, container, `exec_create: ${words}`, { execID });
  publish(context, container, `exec_start: ${words}`, { execID });
  try {
    const process = await execProcess(context, container, execSettings(probe), undefined);
    const task = await context.runtime.exec(
      {
        containerId: container.id,
        execId: execID,
        process,
        stdio: { hasTty: false, hasStdin: false },
        isAttached: true,
      },
      signal,
    );
    const { code, output, isLate } = await follow(context.clock, task, probe.timeoutMs, signal);
    publish(context, container, "exec_die", { execID, exitCode: String(code) });
    const end = stamp(context.clock);
    return isLate
      ? {
          start,
          end,
          exitCode: -1,
          output: `Health check exceeded timeout (${seconds(probe.timeoutMs)})${output === "" ? "" : `: ${output}`}`,
        }
      : { start, end, exitCode: code, output };
  } catch (error) {
    signal.throwIfAborted();
    return { start, end: stamp(context.clock), exitCode: -1, output: messageOf(error) };
  }
}

function execSettings(probe: Probe): Parameters<typeof execProcess>[2] {
  return {
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    DetachKeys: "",
    Tty: false,
    Env: [],
    Cmd: probe.command,
    Privileged: false,
    User: "",
    WorkingDir: "",
  };
}

/** Reads the output and waits for the end; one that takes too long, or whose container's watch ends, is killed. */
async function follow(
  clock: Clock,
  task: ExecTask,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ code: number; output: string; isLate: boolean }> {
  const over = new AbortController();
  let isLate = false;
  const kill = (): void => void task.kill(SIGKILL).catch(() => {});
  signal.addEventListener("abort", kill, { once: true });
  const limit = clock.sleep(timeoutMs, AbortSignal.any([signal, over.signal])).then(
    () => {
      isLate = true;
      kill();
    },
    () => {},
  );
  const kept: Buffer[] = [];
  let keptBytes = 0;
  try {
    for await (const { bytes } of task.output) {
      const room = MAX_OUTPUT_BYTES - keptBytes;
      if (room <= 0) continue;
      kept.push(Buffer.from(bytes.subarray(0, room)));
      keptBytes += Math.min(room, bytes.byteLength);
    }
    const { code } = await task.exited;
    return { code, output: Buffer.concat(kept).toString(), isLate };
  } finally {
    over.abort();
    signal.removeEventListener("abort", kill);
    await limit;
  }
}

const stamp = (clock: Clock): string => rfc3339Nano(BigInt(clock.now().getTime()) * BigInt(NANO_PER_MS));

/** As Go prints a duration of whole milliseconds below a minute, seconds above. */
const seconds = (ms: number): string => (ms < 1000 ? `${ms}ms` : `${ms / 1000}s`);
