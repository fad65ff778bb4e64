import { LongshoreError } from "#kernel";
import { type Context, publish } from "./context.ts";
import type { Container, HostSettings } from "./contract.ts";
import { blockDeviceNumbers } from "./devices.ts";
import { updatedResources } from "./document/resources.ts";
import { withinKernel } from "./kernel-limits.ts";
import { validate } from "./validate.ts";

/** Changes limits and restart policy; a running container's cgroup follows at once. */
export async function updateContainer(
  context: Context,
  name: string,
  patch: Partial<HostSettings>,
): Promise<readonly string[]> {
  const { id } = context.book.get(name);
  await using _ = await context.locks.hold(id);
  const container = context.book.get(id);
  const { host, warnings: unmet } = withinKernel({ ...container.host, ...patch }, context.facts.kernelLimits);
  // Wrong values first; what can't be beside each other is told as a conflict with what is set.
  const unset = {
    NanoCpus: 0,
    CpuPeriod: 0,
    CpuQuota: 0,
    MemorySwap: 0,
    MemoryReservation: 0,
    AutoRemove: false,
    SecurityOpt: null,
  };
  const { Healthcheck: _probe, ...settings } = container.settings;
  const given = { ...host, ...unset, ...patch };
  const warnings = [...unmet, ...validate(settings, given, context.facts)];
  checkConflicts(container, patch);
  if (context.book.live(id).task !== undefined)
    await context.runtime.update(id, updatedResources(host, await blockDeviceNumbers(host), container.host));
  await context.book.change(id, (record) => ({ ...record, host }));
  publish(context, container, "update");
  return warnings;
}

/** What can't be changed beside what is set already. Throws `conflict` in Docker's words. */
function checkConflicts({ id, host }: Container, patch: Partial<HostSettings>): void {
  const refuse = (why: string): LongshoreError =>
    new LongshoreError("conflict", `Cannot update container ${id}: ${why}`);
  const taken = (what: string, by: string): LongshoreError =>
    refuse(`Conflicting options: ${what} cannot be updated as ${by} has already been set`);
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, Memory = 0, MemorySwap = 0, RestartPolicy } = patch;
  if (NanoCpus > 0 && host.CpuPeriod > 0) throw taken("Nano CPUs", "CPU Period");
  if (NanoCpus > 0 && host.CpuQuota > 0) throw taken("Nano CPUs", "CPU Quota");
  if (CpuPeriod > 0 && host.NanoCpus > 0) throw taken("CPU Period", "NanoCPUs");
  if (CpuQuota > 0 && host.NanoCpus > 0) throw taken("CPU Quota", "NanoCPUs");
  if (Memory !== 0 && MemorySwap === 0 && Memory > host.MemorySwap)
    throw refuse(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  if (RestartPolicy !== undefined && host.AutoRemove && !["", "no"].includes(RestartPolicy.Name))
    throw refuse("Restart policy cannot be updated because AutoRemove is enabled for the container");
}
