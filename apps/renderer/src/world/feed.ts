import type { ContainerSummary, EngineEvent, ImageInspect } from "@longshore/protocol";
import { call, CallError, openStream, type OpenStream } from "../bridge/bridge.ts";
import { patchContainers, relistContainers } from "./live-list.ts";
import { useWorld, withEntry, type Kind, type ListedContainer } from "./store.ts";

const GATHER_MS = 50;
const RETRY_MS = 1_000;
const SIZES_MS = 1_500;
const MOST_ALONE = 20;
const ALL: readonly Kind[] = ["containers", "images", "volumes", "networks"];

/** What these tell of leaves a container as the lists show it. */
const UNCHANGING = ["top", "attach", "detach", "resize", "archive-path", "export"];

const dirty = new Set<Kind>();
let gather: ReturnType<typeof setTimeout> | undefined;
let sizes: ReturnType<typeof setTimeout> | undefined;
let listing: Promise<void> = Promise.resolve();
let events: OpenStream | undefined;
/** Containers to list again while the others are known to be as they were. */
const dirtyContainers = new Set<string>();

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
      if (event.Action.startsWith("exec_") || UNCHANGING.includes(event.Action)) return;
      if (event.Action === "prune") return refresh(["containers"]);
      refreshContainer(event.Actor.ID);
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
  gatherSoon();
}

/** Marks one container as old; of a thousand only it is read again. */
export function refreshContainer(id: string): void {
  dirtyContainers.add(id);
  gatherSoon();
}

function gatherSoon(): void {
  gather ??= setTimeout(() => {
    gather = undefined;
    const due = new Set(dirty);
    const ids = [...dirtyContainers];
    dirty.clear();
    dirtyContainers.clear();
    if (ids.length > MOST_ALONE || !useWorld.getState().loaded.has("containers")) due.add("containers");
    else if (ids.length > 0 && !due.has("containers")) void loadContainers(ids);
    for (const kind of due) void load(kind);
  }, GATHER_MS);
}

/** One listing after the other: the answer to a long question must not undo what a later, shorter one has found. */
function listContainers(
  ids: readonly string[],
  merge: (
    old: readonly ListedContainer[],
    rows: readonly ContainerSummary[],
    readAt: number,
  ) => readonly ListedContainer[],
): Promise<void> {
  const list = async (): Promise<void> => {
    const rows = await call("containers.list", { withSizes: false, ids });
    const readAt = Date.now();
    useWorld.setState(({ containers }) => ({ containers: merge(containers, rows, readAt) }));
  };
  const listed = listing.then(list);
  listing = listed.catch(() => undefined);
  return listed;
}

/** Lists the containers of `ids` again: those that are gone leave the list, new ones come into it. */
async function loadContainers(ids: readonly string[]): Promise<void> {
  try {
    await listContainers(ids, (old, rows, readAt) => patchContainers(old, ids, rows, readAt));
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    // What became of them is unknown: the whole list says it, or says why it can't.
    refresh(["containers"]);
  }
}

async function load(kind: Kind): Promise<void> {
  try {
    switch (kind) {
      case "containers":
        await listContainers([], relistContainers);
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
      case "trash":
        useWorld.setState({ trash: await call("trash.list", {}) });
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
    const rows = await call("containers.list", { withSizes: true, ids: [] });
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
