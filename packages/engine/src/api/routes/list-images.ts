import type { Image } from "#images";
import type { Call } from "../server/call.ts";
import { filterFlag, type Filters, flag, labelsMatch, parseFilters, untilOf } from "../server/query.ts";
import { summariseImage } from "../wire/images.ts";
import { referencePattern } from "./reference-pattern.ts";
import type { Rooms } from "./rooms.ts";

const FILTERS = ["before", "dangling", "label", "label!", "reference", "since", "until"];

/** GET /images/json. Source: Docker Engine API, ImageList; what its filters leave: dockerd, daemon/images. */
export async function listImages(rooms: Rooms, call: Call): Promise<void> {
  const filters = parseFilters(call.query, FILTERS);
  const users = new Map<string, number>();
  for (const { imageId } of rooms.containers.list()) users.set(imageId, (users.get(imageId) ?? 0) + 1);
  const isAll = flag(call.query, "all");
  const isDangling = filterFlag(filters, "dangling");
  const isInTime = timeTest(rooms, filters);
  // "filter" is the word of clients before 1.41.
  const old = call.minor < 41 ? call.query.getAll("filter").filter((name) => name !== "") : [];
  const tests = [...(filters.get("reference") ?? []), ...old].map(referencePattern);
  const images = rooms.images.list();
  const parents = new Set(images.map((image) => image.parent));
  const rows = images.flatMap((image): readonly Image[] => {
    const isParent = parents.has(image.id);
    if (isDangling === true && isParent) return [];
    if (!isInTime(image) || !labelsMatch(filters, image.config.config?.Labels ?? {})) return [];
    const repoTags = image.repoTags.filter((name) => fitsAny(tests, name));
    const repoDigests = image.repoDigests.filter((name) => fitsAny(tests, name));
    const isNamed = repoTags.length > 0 || repoDigests.length > 0;
    const isLeftOut = isNamed
      ? isDangling === true && repoTags.length > 0
      : (isParent && !isAll) || isDangling === false || tests.length > 0;
    return isLeftOut ? [] : [{ ...image, repoTags, repoDigests }];
  });
  rows.sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  const shared = flag(call.query, "shared-size")
    ? (await rooms.system.diskUsage(new Set(["image"]), call.signal)).sharedBytes
    : undefined;
  call.reply(
    200,
    rows.map((image) => ({
      ...summariseImage(image, call.minor >= 51 ? (users.get(image.id) ?? 0) : -1, call.minor),
      ...(shared !== undefined && { SharedSize: shared.get(image.id) ?? 0 }),
    })),
  );
}

/** Of several images the oldest is meant by `before`, the newest by `since`; an image without a time is in none. */
function timeTest(rooms: Rooms, filters: Filters): (image: Image) => boolean {
  const timesOf = (key: string): readonly number[] =>
    (filters.get(key) ?? []).map((name) => Date.parse(rooms.images.get(name).createdAt));
  const until = untilOf(filters, rooms.clock.now());
  const before = Math.min(until, ...timesOf("before"));
  const since = Math.max(Number.NEGATIVE_INFINITY, ...timesOf("since"));
  if (before === Number.POSITIVE_INFINITY && since === Number.NEGATIVE_INFINITY) return () => true;
  return ({ config, createdAt }) =>
    config.created !== undefined && Date.parse(createdAt) < before && Date.parse(createdAt) > since;
}

type Test = (name: string) => boolean;

const fitsAny = (tests: readonly Test[], name: string): boolean =>
  tests.length === 0 || tests.some((test) => test(name));
