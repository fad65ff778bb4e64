import { LongshoreError } from "#kernel";
import type { EngineEvent } from "#events";
import type { Call } from "../server/call.ts";
import { type Filters, labelsMatch, parseFilters, timeNano } from "../server/query.ts";
import { MAX_MINOR, MIN_MINOR, type Route } from "../server/router.ts";
import { eventMessage, stringifyExact } from "../wire/events.ts";
import { summariseImage } from "../wire/images.ts";
import { infoOf } from "../wire/system-info.ts";
import { contextOf } from "./container-routes.ts";
import { summariseContainer } from "../wire/container-inspect.ts";
import type { Rooms } from "./rooms.ts";

const PING_HEADERS = {
  "Content-Type": "text/plain; charset=utf-8",
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
  "Builder-Version": "1",
  Swarm: "inactive",
};

export function systemRoutes(rooms: Rooms): readonly Route[] {
  const { system } = rooms;
  const notBuilt = async (): Promise<void> => {
    throw new LongshoreError("unsupported", "building images is not supported by this engine yet");
  };
  return [
    {
      method: "GET",
      path: "/_ping",
      handle: async (call) => {
        call.response.writeHead(200, { ...PING_HEADERS, "Content-Length": 2 });
        call.response.end("OK");
      },
    },
    {
      method: "HEAD",
      path: "/_ping",
      handle: async (call) => call.done(200, { ...PING_HEADERS, "Content-Length": "0" }),
    },
    {
      method: "GET",
      path: "/version",
      handle: async (call) => call.reply(200, system.version(`1.${MAX_MINOR}`, `1.${MIN_MINOR}`)),
    },
    {
      method: "GET",
      path: "/info",
      handle: async (call) => call.reply(200, infoOf(await system.info(), call.minor)),
    },
    {
      method: "GET",
      path: "/events",
      takes: { query: ["since", "until", "filters"] },
      handle: (call) => events(rooms, call),
    },
    {
      method: "GET",
      path: "/system/df",
      takes: { query: ["type"] },
      handle: (call) => diskUsage(rooms, call),
    },
    { method: "POST", path: "/build", refuses: "unsupported", handle: notBuilt },
    {
      method: "POST",
      path: "/build/prune",
      takes: {
        inert: Object.fromEntries(
          ["all", "filters", "keep-storage", "max-used-space", "min-free-space", "reserved-space"].map(
            (key) => [key, "there is no build cache yet"],
          ),
        ),
      },
      handle: async (call) => {
        const attributes = { reclaimed: "0" };
        rooms.events.publish({ type: "builder", action: "prune", actorId: "", attributes });
        call.reply(200, { CachesDeleted: null, SpaceReclaimed: 0 });
      },
    },
    { method: "POST", path: "/build/cancel", refuses: "unsupported", handle: notBuilt },
    { method: "POST", path: "/session", refuses: "unsupported", handle: notBuilt },
    { method: "POST", path: "/grpc", refuses: "unsupported", handle: notBuilt },
  ];
}

const EVENT_FILTERS = [
  "config",
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "node",
  "plugin",
  "scope",
  "secret",
  "service",
  "type",
  "volume",
];

async function events(rooms: Rooms, call: Call): Promise<void> {
  const filters = parseFilters(call.query, EVENT_FILTERS);
  const sinceNano = timeNano(call.query, "since");
  const untilNano = timeNano(call.query, "until");
  if (sinceNano !== undefined && untilNano !== undefined && sinceNano > untilNano)
    throw new LongshoreError("invalid", "`since` time cannot be after `until` time");
  const source = rooms.events.subscribe(
    {
      ...(sinceNano !== undefined && { sinceNano }),
      ...(untilNano !== undefined && { untilNano }),
      matches: (event) => eventFits(event, filters),
    },
    call.signal,
  );
  call.startStream("application/json");
  for await (const event of source) await call.write(`${stringifyExact(eventMessage(event))}\n`);
  call.response.end();
}

/** Kinds of objects whose filter is the begin of an id or of a name; of an id of any kind, as Docker has it. */
const NAMED = ["config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"];

/** OR within a key, AND across keys; labels all. Source: moby, daemon/events/filter.go. */
function eventFits({ type, action, actorId, attributes }: EngineEvent, filters: Filters): boolean {
  const some = (key: string, test: (value: string) => boolean): boolean =>
    filters.get(key)?.some(test) ?? true;
  // Of an image's own event its name, of a container's the image's.
  const image = attributes[type === "image" ? "name" : "image"] ?? "";
  const images = [actorId, image, withoutTag(actorId), withoutTag(image)];
  return (
    labelsMatch(filters, attributes) &&
    some("type", (value) => type === value) &&
    some("event", (value) => action === value || action.startsWith(`${value}:`)) &&
    some("scope", (value) => value === "local") &&
    some("image", (value) => images.includes(value)) &&
    NAMED.every((key) =>
      some(key, (value) => actorId.startsWith(value) || attributes["name"]?.startsWith(value) === true),
    )
  );
}

const withoutTag = (name: string): string => name.replace(/:[^:/]*$/, "");

async function diskUsage(rooms: Rooms, call: Call): Promise<void> {
  // Before 1.42 it tells of everything.
  const types = new Set(call.minor < 42 ? [] : call.query.getAll("type"));
  for (const type of types)
    if (!["container", "image", "volume", "build-cache"].includes(type))
      throw new LongshoreError("invalid", `unknown object type: ${type}`);
  const usage = await rooms.system.diskUsage(types, call.signal);
  const wants = (type: string): boolean => types.size === 0 || types.has(type);
  const now = rooms.clock.now();
  const users = new Map<string, number>();
  for (const { imageId } of rooms.containers.list()) users.set(imageId, (users.get(imageId) ?? 0) + 1);
  call.reply(200, {
    ...(wants("image") && {
      LayersSize: usage.layersBytes,
      Images: rooms.images.list().map((image) => ({
        ...summariseImage(image, users.get(image.id) ?? 0, call.minor),
        SharedSize: usage.sharedBytes.get(image.id) ?? 0,
      })),
    }),
    ...(wants("container") && {
      Containers: rooms.containers
        .list()
        .map((container) =>
          summariseContainer(
            container,
            contextOf(rooms, container),
            container.settings.Image,
            now,
            call.minor,
            usage.containers.get(container.id),
          ),
        ),
    }),
    ...(wants("volume") && {
      Volumes: rooms.volumes.list().map((volume) => ({
        CreatedAt: volume.createdAt,
        Driver: volume.driver,
        Labels: volume.labels,
        Mountpoint: volume.mountpoint,
        Name: volume.name,
        Options: volume.options,
        Scope: "local",
        UsageData: {
          Size: usage.volumes.get(volume.name)?.sizeBytes ?? -1,
          RefCount: usage.volumes.get(volume.name)?.refCount ?? -1,
        },
      })),
    }),
    ...(wants("build-cache") && { BuildCache: [] }),
    ...(call.minor < 42 && { BuilderSize: 0 }),
  });
}
