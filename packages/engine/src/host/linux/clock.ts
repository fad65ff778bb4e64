import { libc, checked } from "./libc.ts";

const clockGettime = libc.func("int clock_gettime(int, void*)");
const CLOCK_REALTIME = 0;
const timespec = Buffer.alloc(16);

/** Wall time in nanoseconds since the epoch, as exact as the kernel has it. */
export function wallNano(): bigint {
  checked("clock_gettime", clockGettime(CLOCK_REALTIME, timespec) as number, "CLOCK_REALTIME");
  return timespec.readBigInt64LE(0) * 1_000_000_000n + timespec.readBigInt64LE(8);
}
