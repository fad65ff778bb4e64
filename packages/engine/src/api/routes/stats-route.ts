import type { Call } from "../server/call.ts";
import { flag } from "../server/query.ts";
import type { Rooms } from "./rooms.ts";

/** Of a container that does not run: clients read fields of it all the same. Source: Docker Engine API 1.51, ContainerStats. */
const NO_CPU = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};
const NO_SAMPLE = {
  read: "0001-01-01T00:00:00Z",
  pids_stats: {},
  blkio_stats: {
    io_service_bytes_recursive: null,
    io_serviced_recursive: null,
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  },
  num_procs: 0,
  storage_stats: {},
  cpu_stats: NO_CPU,
  memory_stats: {},
};

/** GET /containers/ID/stats: one sample, or one each second until the container is gone. */
export async function streamStats(rooms: Rooms, call: Call): Promise<void> {
  const { containers, clock } = rooms;
  const isStreaming = flag(call.query, "stream", true);
  const isOneShot = flag(call.query, "one-shot");
  const container = containers.get(call.parameter("id"));
  const take = async (): Promise<object> => (await containers.sample(container.id)) ?? NO_SAMPLE;
  const withBefore = (now: object, before: object): object => ({
    ...now,
    precpu_stats: "cpu_stats" in before ? before.cpu_stats : NO_CPU,
    preread: "read" in before ? before.read : "0001-01-01T00:00:00Z",
    id: container.id,
    name: `/${container.name}`,
  });
  let before = await take();
  if (!isStreaming) {
    if (isOneShot || before === NO_SAMPLE) return call.reply(200, withBefore(before, {}));
    await clock.sleep(1000, call.signal);
    return call.reply(200, withBefore(await take(), before));
  }
  call.startStream("application/json");
  let previous: object = {};
  for (;;) {
    await call.write(`${JSON.stringify(withBefore(before, previous))}\n`);
    if (containers.list().every((known) => known.id !== container.id)) break;
    await clock.sleep(1000, call.signal);
    previous = before;
    before = await take();
  }
  call.response.end();
}
