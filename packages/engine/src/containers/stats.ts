import { readFile } from "node:fs/promises";
import os from "node:os";
import type { Context } from "./context.ts";
import { cgroupPathOf } from "./start.ts";

const USER_HZ_NANO = 10_000_000;

/** One sample as GET /containers/ID/stats carries it; undefined when the container does not run. Source: Docker Engine API 1.51, ContainerStats. */
export async function sampleStats(context: Context, name: string): Promise<object | undefined> {
  const container = context.book.get(name);
  const live = context.book.live(container.id);
  if (live.task === undefined) return undefined;
  const stats = context.cgroups.stats(cgroupPathOf(container));
  if (stats === undefined) return undefined;
  const [systemNano, counters] = await Promise.all([
    systemCpuNano(),
    context.networks.counters(live.sandboxOwner ?? container.id).catch(() => ({})),
  ]);
  const { memory, cpu, pids, blockIo } = stats;
  return {
    read: context.clock.now().toISOString(),
    num_procs: 0,
    pids_stats: { current: pids.current, ...(pids.limit !== undefined && { limit: pids.limit }) },
    cpu_stats: {
      cpu_usage: {
        total_usage: cpu.usageNano,
        usage_in_kernelmode: cpu.systemNano,
        usage_in_usermode: cpu.userNano,
        ...(cpu.perCpuNano !== undefined && { percpu_usage: cpu.perCpuNano }),
      },
      system_cpu_usage: systemNano,
      online_cpus: context.facts.cpuCount,
      throttling_data: {
        periods: cpu.periods,
        throttled_periods: cpu.throttledPeriods,
        throttled_time: cpu.throttledNano,
      },
    },
    memory_stats: {
      usage: memory.usageBytes,
      ...(memory.maxUsageBytes !== undefined && { max_usage: memory.maxUsageBytes }),
      stats: memory.stat,
      failcnt: memory.failures,
      limit: memory.limitBytes ?? os.totalmem(),
    },
    blkio_stats: {
      io_service_bytes_recursive: blockIo.map(({ major, minor, operation, bytes }) => ({
        major,
        minor,
        op: operation,
        value: bytes,
      })),
      io_serviced_recursive: blockIo.map(({ major, minor, operation, count }) => ({
        major,
        minor,
        op: operation,
        value: count,
      })),
      io_queue_recursive: [],
      io_service_time_recursive: [],
      io_wait_time_recursive: [],
      io_merged_recursive: [],
      io_time_recursive: [],
      sectors_recursive: [],
    },
    networks: Object.fromEntries(
      Object.entries(counters).map(([device, counter]) => [
        device,
        {
          rx_bytes: counter.rxBytes,
          rx_packets: counter.rxPackets,
          rx_errors: counter.rxErrors,
          rx_dropped: counter.rxDropped,
          tx_bytes: counter.txBytes,
          tx_packets: counter.txPackets,
          tx_errors: counter.txErrors,
          tx_dropped: counter.txDropped,
        },
      ]),
    ),
    storage_stats: {},
  };
}

/** Time of all processors together. Source: proc(5), stat. */
async function systemCpuNano(): Promise<number> {
  const [first = ""] = (await readFile("/proc/stat", "utf8")).split("\n", 1);
  return (
    first
      .split(/\s+/)
      .slice(1, 8)
      .reduce((sum, ticks) => sum + Number(ticks), 0) * USER_HZ_NANO
  );
}
