import type { ContainerSummary, ImageSummary, PortSummary } from "@longshore/protocol";
import type { ListedContainer } from "./store.ts";
import { shortId, type Shape, type Tone } from "@longshore/ui";

export interface StateLook {
  readonly tone: Tone;
  readonly shape: Shape;
  readonly word: string;
}

/** A container's state as shape, word and colour, from what `docker ps` tells of it. */
export function stateLook(state: string, status: string, verb?: string): StateLook {
  if (verb !== undefined) return { tone: "warn", shape: "half", word: verb };
  switch (state) {
    case "running":
      if (status.includes("(healthy)")) return { tone: "running", shape: "tick", word: "Healthy" };
      if (status.includes("(unhealthy)")) return { tone: "bad", shape: "triangle", word: "Unhealthy" };
      return { tone: "running", shape: "filled", word: "Running" };
    case "restarting":
      return { tone: "warn", shape: "half", word: "Restarting" };
    case "paused":
      return { tone: "warn", shape: "bars", word: "Paused" };
    case "created":
      return { tone: "info", shape: "dashed", word: "Created" };
    case "removing":
      return { tone: "warn", shape: "half", word: "Removing" };
    case "exited": {
      const code = exitCode(status);
      return code === 0
        ? { tone: "idle", shape: "hollow", word: "Exited" }
        : { tone: "bad", shape: "cross", word: `Exited ${code ?? ""}`.trim() };
    }
    case "dead":
      return { tone: "bad", shape: "cross", word: "Dead" };
    default:
      return { tone: "idle", shape: "question", word: state === "" ? "Unknown" : state };
  }
}

const SECONDS: Readonly<Record<string, number>> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
  week: 604_800,
  month: 2_592_000,
  year: 31_536_000,
};

/** When the state began, from words such as "Up About an hour" or "Exited (0) 3 minutes ago" read at `readAtMs`; exact to their unit. */
export function stateBegan(status: string, readAtMs: number): number | undefined {
  const words =
    /^(?:Up|Exited \(\d+\)|Restarting \(\d+\)) (?:(Less than)|About an?|(\d+)) (?:a )?([a-z]+?)s?\b/.exec(
      status,
    );
  const unit = SECONDS[words?.[3] ?? ""];
  if (words === null || unit === undefined) return undefined;
  const count = words[1] === undefined ? Number(words[2] ?? 1) : 0;
  return readAtMs - count * unit * 1000;
}

/** The code in "Exited (137) 2 minutes ago". */
export function exitCode(status: string): number | undefined {
  const found = /^Exited \((\d+)\)/.exec(status)?.[1];
  return found === undefined ? undefined : Number(found);
}

export function nameOf(container: Pick<ContainerSummary, "Names" | "Id">): string {
  return (container.Names[0] ?? container.Id.slice(0, 12)).replace(/^\//, "");
}

/** An image's names, without Docker's word for none. */
export function imageTags(image: Pick<ImageSummary, "RepoTags">): readonly string[] {
  return (image.RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
}

export function imageName(image: Pick<ImageSummary, "RepoTags" | "Id">): string {
  return imageTags(image)[0] ?? `untagged ${shortId(image.Id)}`;
}

/** Compose's own word for the group that a container belongs to. */
export function projectOf(container: Pick<ContainerSummary, "Labels">): string | undefined {
  return container.Labels["com.docker.compose.project"];
}

export interface PublishedPort {
  readonly label: string;
  /** Absent for what no browser can open (udp). */
  readonly url?: string;
}

/** Published ports, IPv4 and IPv6 twins shown once. */
export function publishedPorts(ports: readonly PortSummary[]): readonly PublishedPort[] {
  const found = new Map<string, PublishedPort>();
  for (const port of ports.toSorted((a, b) => (a.PublicPort ?? 0) - (b.PublicPort ?? 0))) {
    if (port.PublicPort === undefined) continue;
    const isTcp = port.Type === "tcp";
    const label = `${port.PublicPort} → ${port.PrivatePort}${isTcp ? "" : `/${port.Type}`}`;
    const isAny = port.IP === undefined || ["", "0.0.0.0", "::"].includes(port.IP);
    const host = isAny ? "localhost" : port.IP?.includes(":") ? `[${port.IP}]` : port.IP;
    if (!found.has(label))
      found.set(label, isTcp ? { label, url: `http://${host}:${port.PublicPort}/` } : { label });
  }
  return [...found.values()];
}

export type ListRow<Container extends ContainerSummary = ListedContainer> =
  | {
      readonly kind: "group";
      readonly project: string;
      readonly members: readonly Container[];
      readonly isOpen: boolean;
    }
  | {
      readonly kind: "container";
      readonly container: Container;
      readonly project: string | undefined;
      readonly position: number;
      readonly size: number;
    };

function searchText(container: ContainerSummary): string {
  return [
    nameOf(container),
    container.Image,
    container.State,
    container.Id,
    projectOf(container) ?? "",
    ...publishedPorts(container.Ports).map((port) => port.label),
  ]
    .join(" ")
    .toLowerCase();
}

/** Rows of the list: projects first with their members under them, then the rest; newest first, filtered by any shown word. */
export function listRows<Container extends ContainerSummary>(
  containers: readonly Container[],
  filter: string,
  closed: ReadonlySet<string>,
): readonly ListRow<Container>[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const fits =
    words.length === 0
      ? containers
      : containers.filter((container) => {
          const text = searchText(container);
          return words.every((word) => text.includes(word));
        });
  const groups = Map.groupBy(fits, (container) => projectOf(container));
  const rows: ListRow<Container>[] = [];
  const loose = groups.get(undefined) ?? [];
  const projects = [...groups.keys()].filter((name) => name !== undefined).toSorted();
  for (const project of projects) {
    const members = (groups.get(project) ?? []).toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
    const isOpen = !closed.has(project);
    rows.push({ kind: "group", project, members, isOpen });
    if (isOpen)
      for (const [at, container] of members.entries())
        rows.push({ kind: "container", container, project, position: at + 1, size: members.length });
  }
  for (const [at, container] of loose.entries())
    rows.push({
      kind: "container",
      container,
      project: undefined,
      position: projects.length + at + 1,
      size: projects.length + loose.length,
    });
  return rows;
}
