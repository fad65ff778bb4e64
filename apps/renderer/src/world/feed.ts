import type { EngineEvent, ImageInspect, StatsSample } from "@longshore/protocol";
import { call, CallError, openStream, type OpenStream } from "../bridge/bridge.ts";
import { useWorld, withEntry, type Kind } from "./store.ts";

const GATHER_MS = 50;
const RETRY_MS = 1_000;
const SIZES_MS = 1_500;
const HISTORY = 60;
const ALL: readonly Kind[] = ["containers", "images", "volumes", "networks"];

const dirty = new Set<Kind>();
let gather: ReturnType<typeof setTimeout> | undefined;
let sizes: ReturnType<typeof setTimeout> | undefined;
let events: OpenStream | undefined;
let stats: OpenStream | undefined;
let statsIds = "";

/** Starts the flow: the engine's state, then lists, then events that say which list is old. */
export function startFeed(): void {
  openStream(
    "engine.watch",
    {},
    {
      onItem: (engine) => {
        const before = useWorld.getState().engine?.phase;
        useWorld.setState({ engine });
        if (engine.phase === "ready" && before !== "ready") connect();
      },
    },
  );
  void call("settings.read", {}).then((settings) => useWorld.setState({ settings }));
  document.addEventListener("visibilitychange", followStats);
}

function connect(): void {
  events?.close();
  events = openStream(
    "events",
    {},
    {
      onItem: onEvent,
      onEnd: () => reconnect(),
      onError: () => reconnect(),
    },
  );
  statsIds = "";
  refresh(ALL);
  refreshSizes();
}

function reconnect(): void {
  setTimeout(() => {
    if (useWorld.getState().engine?.phase === "ready") connect();
  }, RETRY_MS);
}

function onEvent(event: EngineEvent): void {
  switch (event.Type) {
    case "container":
      if (event.Action.startsWith("exec_") || event.Action === "top") return;
      refresh(["containers"]);
      if (event.Action === "die" || event.Action === "start") refreshSizes();
      return;
    case "image":
      refresh(["images"]);
      return;
    case "volume":
      refresh(["volumes"]);
      return;
    case "network":
      refresh(["networks", "containers"]);
      return;
    default:
      return;
  }
}

/** Marks lists as old; they are read again once, a moment later. */
export function refresh(kinds: readonly Kind[]): void {
  for (const kind of kinds) dirty.add(kind);
  gather ??= setTimeout(() => {
    gather = undefined;
    const due = [...dirty];
    dirty.clear();
    for (const kind of due) void load(kind);
  }, GATHER_MS);
}

async function load(kind: Kind): Promise<void> {
  try {
    switch (kind) {
      case "containers":
        useWorld.setState({
          containers: await call("containers.list", { withSizes: false }),
          containersReadAt: Date.now(),
        });
        followStats();
        break;
      case "images":
        useWorld.setState({ images: await call("images.list", {}) });
        break;
      case "volumes":
        useWorld.setState({ volumes: await call("volumes.list", {}) });
        break;
      case "networks":
        useWorld.setState({ networks: await call("networks.list", {}) });
        break;
    }
    useWorld.setState(({ loaded, loadErrors }) => {
      const { [kind]: _gone, ...rest } = loadErrors;
      return { loaded: new Set([...loaded, kind]), loadErrors: rest };
    });
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    useWorld.setState(({ loadErrors }) => ({ loadErrors: { ...loadErrors, [kind]: error } }));
  }
}

/** Writable bytes and image details cost the engine some work: they follow a while after things calmed down. */
function refreshSizes(): void {
  clearTimeout(sizes);
  sizes = setTimeout(() => void loadSizes(), SIZES_MS);
}

async function loadSizes(): Promise<void> {
  try {
    const rows = await call("containers.list", { withSizes: true });
    useWorld.setState({ wetBytes: new Map(rows.map((row) => [row.Id, row.SizeRw ?? 0])) });
    for (const id of new Set(rows.map((row) => row.ImageID))) await imageDetails(id);
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
  }
}

/** An image's details, asked once: images don't change under their id. */
export async function imageDetails(id: string): Promise<ImageInspect> {
  const known = useWorld.getState().imageDetails.get(id);
  if (known !== undefined) return known;
  const details = await call("images.inspect", { id });
  useWorld.setState((world) => ({ imageDetails: withEntry(world.imageDetails, id, details) }));
  return details;
}

function showSamples(samples: readonly StatsSample[]): void {
  useWorld.setState(({ meters }) => {
    const next = new Map(meters);
    for (const sample of samples) {
      const cpuHistory = [...(meters.get(sample.id)?.cpuHistory ?? []), sample.cpuPercent].slice(-HISTORY);
      next.set(sample.id, { sample, cpuHistory });
    }
    return { meters: next };
  });
}

/** One stream of samples for the running containers, while the window is seen. */
function followStats(): void {
  const ids = document.hidden
    ? []
    : useWorld
        .getState()
        .containers.filter((row) => row.State === "running")
        .map((row) => row.Id)
        .toSorted();
  const key = ids.join();
  if (key === statsIds) return;
  statsIds = key;
  stats?.close();
  stats = undefined;
  useWorld.setState(({ meters }) => ({ meters: new Map([...meters].filter(([id]) => ids.includes(id))) }));
  if (ids.length === 0) return;
  stats = openStream("stats", { ids }, { onItem: showSamples });
}
