import { LongshoreError } from "#kernel";
import type { Container } from "#containers";
import { filterFlag, type Filters, labelsMatch, namePattern } from "../server/query.ts";
import { portRows } from "../wire/container-inspect.ts";
import type { Rooms } from "./rooms.ts";

/** Keys of GET /containers/json. */
export const LIST_FILTERS: readonly string[] = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "isolation",
  "is-task",
  "label",
  "label!",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
];

const STATUSES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const HEALTHS = ["none", "starting", "healthy", "unhealthy"];

/** What the filters of a list mean, but for `before` and `since`. Throws `invalid` for values that no container can have. */
export function containerFits(rooms: Rooms, filters: Filters): (container: Container) => boolean {
  const of = (key: string): readonly string[] => filters.get(key) ?? [];
  for (const value of of("status"))
    if (!STATUSES.includes(value)) throw new LongshoreError("invalid", `invalid filter 'status=${value}'`);
  for (const value of of("health"))
    if (!HEALTHS.includes(value))
      throw new LongshoreError("invalid", `Unrecognised filter value for health: ${value}`);
  for (const value of of("exited"))
    if (!/^[-+]?\d+$/.test(value)) throw new LongshoreError("invalid", `invalid filter 'exited=${value}'`);
  const some = <T>(key: string, tests: readonly ((value: T) => boolean)[], value: T): boolean =>
    !filters.has(key) || tests.some((test) => test(value));
  // Tasks are a swarm's.
  const isTask = filterFlag(filters, "is-task") ?? false;
  const names = of("name").map((pattern) => namePattern("name", pattern));
  const published = new Set(of("publish").flatMap((value) => portsOf("publish", value)));
  const exposed = new Set(of("expose").flatMap((value) => portsOf("expose", value)));
  const networks = rooms.networks.list();
  return (container) => {
    const { state, endpoints, mounts } = container;
    const holds = (key: string, test: (value: string) => boolean): boolean =>
      !filters.has(key) || of(key).some(test);
    return (
      !isTask &&
      labelsMatch(filters, container.settings.Labels) &&
      some("name", names, container.name) &&
      holds("id", (value) => container.id.startsWith(value)) &&
      holds("status", (value) => value === state.status) &&
      holds("exited", (value) => state.status === "exited" && state.exitCode === Number(value)) &&
      holds("health", (value) => (state.health?.status ?? "none") === value) &&
      holds("network", (value) =>
        Object.keys(endpoints).some(
          (name) =>
            name === value ||
            networks.some((network) => network.name === name && network.id.startsWith(value)),
        ),
      ) &&
      holds("volume", (value) =>
        mounts.some(({ name, source, destination }) => (name ?? source) === value || destination === value),
      ) &&
      holds("ancestor", (value) => isDescendant(rooms, container, value)) &&
      (published.size + exposed.size === 0 ||
        portRows(container, rooms.containers.live(container.id)).some(
          ({ PrivatePort, PublicPort, Type }) =>
            published.has(`${PublicPort}/${Type}`) || exposed.has(`${PrivatePort}/${Type}`),
        ))
    );
  };
}

/** `80`, `80/udp`, `80-90/tcp`. Published ports are told by their number on the host, exposed ones by that inside. */
function portsOf(key: string, value: string): readonly string[] {
  if (value.includes(":"))
    throw new LongshoreError("invalid", `filter for '${key}' should not contain ':': ${value}`);
  const [, first = "", last = first, protocol = "tcp"] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(value) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === "" || from > to || to > 65_535)
    throw new LongshoreError(
      "invalid",
      `error while looking up for ${key} ${value}: want a port or a range of them`,
    );
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol}`);
}

function isDescendant(rooms: Rooms, container: Container, name: string): boolean {
  try {
    const ancestor = rooms.images.get(name);
    if (ancestor.id === container.imageId) return true;
    const own = rooms.images.list().find((image) => image.id === container.imageId);
    return (
      own !== undefined &&
      ancestor.chain.length > 0 &&
      ancestor.chain.every((chainId, index) => own.chain[index] === chainId)
    );
  } catch {
    return false;
  }
}
