import type { ContainerStats, StatsSample } from "@longshore/protocol";

/** Docker's sums turned into what a row shows, as `docker stats` counts them. */
export function toSample(id: string, stats: ContainerStats): StatsSample {
  const cpuDelta = stats.cpu_stats.cpu_usage.total_usage - stats.precpu_stats.cpu_usage.total_usage;
  const systemDelta = (stats.cpu_stats.system_cpu_usage ?? 0) - (stats.precpu_stats.system_cpu_usage ?? 0);
  const cores = stats.cpu_stats.online_cpus ?? stats.cpu_stats.cpu_usage.percpu_usage?.length ?? 1;
  const details = stats.memory_stats.stats ?? {};
  // Page cache that can be dropped at once is no use of the container's (cgroup v2, then v1 name).
  const droppable = details["inactive_file"] ?? details["total_inactive_file"] ?? 0;
  const networks = Object.values(stats.networks ?? {});
  return {
    id,
    cpuPercent: systemDelta > 0 && cpuDelta > 0 ? (cpuDelta / systemDelta) * cores * 100 : 0,
    memoryBytes: Math.max(0, (stats.memory_stats.usage ?? 0) - droppable),
    memoryLimitBytes: stats.memory_stats.limit ?? 0,
    receivedBytes: networks.reduce((sum, network) => sum + network.rx_bytes, 0),
    sentBytes: networks.reduce((sum, network) => sum + network.tx_bytes, 0),
    processes: stats.pids_stats?.current ?? 0,
  };
}
