import { type Context, publish } from "./context.ts";
import type { Container, ContainerState, HealthResult } from "./contract.ts";
import { type Probe, probeOf, runProbe } from "./health-probe.ts";

/** So many results are kept. */
const MAX_RESULTS = 5;

type Health = NonNullable<ContainerState["health"]>;

/** The health a container starts with: absent without a probe; the log of an earlier run stays. */
export function initialHealth(container: Container): { health?: Health } {
  if (probeOf(container.settings) === undefined) return {};
  return { health: { status: "starting", failingStreak: 0, log: container.state.health?.log ?? [] } };
}

/**
 * Probes a running container until it ends, is paused or the engine goes. Between two probes lies the whole interval, so a slow
 * one delays the next; within the start period the start interval counts, until it is healthy.
 */
export function watchHealth(context: Context, id: string): void {
  const container = context.book.byId(id);
  const probe = container === undefined ? undefined : probeOf(container.settings);
  if (probe === undefined) return;
  const live = context.book.live(id);
  live.health?.abort(new Error("a new watch begins"));
  const stop = new AbortController();
  live.health = stop;
  context.tasks.run("watch health", async (engineStops) => {
    const signal = AbortSignal.any([stop.signal, engineStops]);
    try {
      for (;;) {
        const before = context.book.byId(id);
        if (before === undefined) return;
        await context.clock.sleep(waitOf(context, before, probe), signal);
        const now = context.book.byId(id);
        if (now === undefined) return;
        const result = await runProbe(context, now, probe, signal);
        signal.throwIfAborted();
        await record(context, id, probe, result);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  });
}

/** Ends the watch: the process is gone or stands still. */
export function endHealthWatch(context: Context, id: string): void {
  const live = context.book.live(id);
  live.health?.abort(new Error("container does not run"));
  live.health = undefined;
}

function waitOf(context: Context, container: Container, probe: Probe): number {
  const isYoung = sinceStart(container, context.clock.now().getTime()) < probe.startPeriodMs;
  return isYoung && container.state.health?.status === "starting" ? probe.startIntervalMs : probe.intervalMs;
}

const sinceStart = (container: Container, atMs: number): number =>
  atMs - Date.parse(container.state.startedAt);

async function record(context: Context, id: string, probe: Probe, result: HealthResult): Promise<void> {
  const container = context.book.byId(id);
  if (container?.state.health === undefined) return;
  const before = container.state.health;
  const health = nextHealth(before, probe, result, sinceStart(container, Date.parse(result.start)));
  await context.book.changeState(id, { health });
  if (health.status !== before.status) publish(context, container, `health_status: ${health.status}`);
}

/** One success makes healthy; `retries` failures in a row, not counting those of the start period, make unhealthy. */
export function nextHealth(before: Health, probe: Probe, result: HealthResult, ageMs: number): Health {
  const log = [...before.log, result].slice(-MAX_RESULTS);
  if (result.exitCode === 0) return { status: "healthy", failingStreak: 0, log };
  if (before.status === "starting" && ageMs < probe.startPeriodMs) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  return { status: failingStreak >= probe.retries ? "unhealthy" : before.status, failingStreak, log };
}
