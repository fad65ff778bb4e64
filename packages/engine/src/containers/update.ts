import { LongshoreError } from "#kernel";
import { type Context, publish } from "./context.ts";
import type { HostSettings } from "./contract.ts";
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
  if (
    patch.RestartPolicy !== undefined &&
    container.host.AutoRemove &&
    !["", "no"].includes(patch.RestartPolicy.Name)
  )
    throw new LongshoreError(
      "conflict",
      "Restart policy cannot be updated because AutoRemove is enabled for the container",
    );
  if (
    patch.NanoCpus !== undefined &&
    patch.NanoCpus > 0 &&
    (container.host.CpuQuota !== 0 || container.host.CpuPeriod !== 0)
  )
    throw new LongshoreError(
      "conflict",
      "Conflicting options: Nano CPUs cannot be updated as CPU Period/Quota has already been set",
    );
  if (
    patch.Memory !== undefined &&
    patch.MemorySwap === undefined &&
    container.host.MemorySwap > 0 &&
    patch.Memory > container.host.MemorySwap
  )
    throw new LongshoreError(
      "conflict",
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  const warnings = [...unmet, ...validate(container.settings, host, context.facts)];
  if (context.book.live(id).task !== undefined)
    await context.runtime.update(
      id,
      updatedResources(host, await blockDeviceNumbers(host), (container.host.PidsLimit ?? 0) > 0),
    );
  await context.book.change(id, (record) => ({ ...record, host }));
  publish(context, container, "update");
  return warnings;
}
