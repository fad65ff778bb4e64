import { LongshoreError } from "#kernel";
import type { Volume } from "#volumes";
import { filterFlag, flag as queryFlag, labelsMatch, namePattern, parseFilters } from "../server/query.ts";
import type { Route } from "../server/router.ts";
import { anything, object, optional, record, text } from "../wire/shape.ts";
import type { Rooms } from "./rooms.ts";
import { NO_MANAGER } from "./swarm-routes.ts";

const createShape = object({
  Name: text(""),
  Driver: text("local"),
  DriverOpts: record(text("")),
  Labels: record(text("")),
  ClusterVolumeSpec: optional(anything),
});

/** Source: Docker Engine API 1.51, Volume. */
const wireVolume = (volume: Volume): object => ({
  CreatedAt: volume.createdAt,
  Driver: volume.driver,
  Labels: Object.keys(volume.labels).length === 0 ? null : volume.labels,
  Mountpoint: volume.mountpoint,
  Name: volume.name,
  Options: Object.keys(volume.options).length === 0 ? null : volume.options,
  Scope: "local",
});

export function volumeRoutes(rooms: Rooms): readonly Route[] {
  const { volumes } = rooms;
  return [
    {
      method: "GET",
      path: "/volumes",
      takes: { query: ["filters"] },
      handle: async (call) => {
        const filters = parseFilters(call.query, ["dangling", "driver", "label", "label!", "name"]);
        const isDangling = filterFlag(filters, "dangling");
        const names = (filters.get("name") ?? []).map((pattern) => namePattern("name", pattern));
        const found = volumes
          .list()
          .filter(
            (volume) =>
              labelsMatch(filters, volume.labels) &&
              (filters.get("driver") ?? [volume.driver]).includes(volume.driver) &&
              (!filters.has("name") || names.some((fits) => fits(volume.name))) &&
              (isDangling === undefined || isDangling === (volumes.usedBy(volume.name).length === 0)),
          );
        call.reply(200, { Volumes: found.map(wireVolume), Warnings: null });
      },
    },
    {
      method: "POST",
      path: "/volumes/create",
      takes: { body: createShape },
      handle: async (call) => {
        const { Name, Driver, DriverOpts, Labels, ClusterVolumeSpec } = createShape(await call.json(), "");
        if (ClusterVolumeSpec !== undefined && call.minor >= 42)
          throw new LongshoreError("unavailable", NO_MANAGER);
        const volume = await volumes.create(
          {
            ...(Name !== "" && { name: Name }),
            driver: Driver === "" ? "local" : Driver,
            options: DriverOpts,
            labels: Labels,
          },
          call.signal,
        );
        call.reply(201, wireVolume(volume));
      },
    },
    {
      method: "POST",
      path: "/volumes/prune",
      takes: { query: ["filters"] },
      handle: async (call) => {
        const { removed, reclaimedBytes } = await volumes.prune(prunedVolumes(call.query, call.minor));
        call.reply(200, {
          VolumesDeleted: removed.length === 0 ? null : removed,
          SpaceReclaimed: reclaimedBytes,
        });
      },
    },
    {
      method: "GET",
      path: "/volumes/{name}",
      handle: async (call) => call.reply(200, wireVolume(volumes.get(call.parameter("name")))),
    },
    {
      method: "DELETE",
      path: "/volumes/{name}",
      takes: { query: ["force"] },
      handle: async (call) => {
        await volumes.remove(call.parameter("name"), { isForced: queryFlag(call.query, "force") });
        call.done(204);
      },
    },
  ];
}

/** What a prune's filters mean; `minor` of the API's version. */
export function prunedVolumes(query: URLSearchParams, minor: number): (volume: Volume) => boolean {
  const filters = parseFilters(query, ["all", "label", "label!"]);
  const isAll = minor < 42 || (filterFlag(filters, "all") ?? false);
  return (volume) => (isAll || volume.isAnonymous) && labelsMatch(filters, volume.labels);
}
