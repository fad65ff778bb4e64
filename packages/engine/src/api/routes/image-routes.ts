import { LongshoreError } from "#kernel";
import type { Image, Images, Progress } from "#images";
import {
  familiar,
  familiarName,
  parseDigest,
  normalizePlatform,
  platformText,
  taggedReference,
  parseReference,
  type Platform,
  type Reference,
  refuseOtherPlatform,
  withDefaultTag,
} from "#spec";
import type { Call } from "../server/call.ts";
import { progressBar, progressStream } from "../server/progress-stream.ts";
import { filterFlag, flag, labelsMatch, parseFilters, untilOf } from "../server/query.ts";
import type { Route } from "../server/router.ts";
import { commitShape, parseCommitConfig, RUN_TIME_ONLY } from "../wire/commit-config.ts";
import { applyChanges } from "../wire/image-changes.ts";
import { inspectImage } from "../wire/images.ts";
import { parsePlatform } from "../wire/platform.ts";
import { authOf, authShape } from "../wire/registry-auth.ts";
import { NO_MANIFESTS } from "./inert.ts";
import { listImages } from "./list-images.ts";
import type { Rooms } from "./rooms.ts";
import { searchImages } from "./search-route.ts";

export function imageRoutes(rooms: Rooms): readonly Route[] {
  const { images } = rooms;
  return [
    {
      method: "GET",
      path: "/images/json",
      takes: {
        query: ["all", "filters", "shared-size"],
        inert: { ...NO_MANIFESTS, digests: "they are always told" },
      },
      handle: (call) => listImages(rooms, call),
    },
    {
      method: "POST",
      path: "/images/create",
      takes: {
        query: ["fromImage", "fromSrc", "repo", "tag", "message", "changes", "platform"],
        headers: ["X-Registry-Auth"],
        hasRawBody: true,
      },
      handle: (call) => createImage(rooms, call),
    },
    {
      method: "POST",
      path: "/images/load",
      takes: { query: ["quiet", "platform"], hasRawBody: true },
      handle: (call) =>
        progressStream(
          call,
          async (line) =>
            void (await images.load(
              call.request,
              loadOptions(call),
              (progress) => line(withBar(progress)),
              call.signal,
            )),
        ),
    },
    {
      method: "POST",
      path: "/images/prune",
      takes: { query: ["filters"] },
      handle: async (call) => {
        const which = prunedImages(call.query, rooms.clock.now());
        const { removed, reclaimedBytes } = await images.prune(which);
        call.reply(200, {
          ImagesDeleted: removed.length === 0 ? null : removed.map(removedLine),
          SpaceReclaimed: reclaimedBytes,
        });
      },
    },
    {
      method: "GET",
      path: "/images/search",
      takes: { query: ["term", "limit", "filters"] },
      handle: (call) => searchImages(rooms, call),
    },
    {
      method: "GET",
      path: "/images/get",
      takes: { query: ["names", "platform"] },
      handle: (call) => save(rooms, call, call.query.getAll("names")),
    },
    {
      method: "GET",
      path: "/images/{name*}/get",
      takes: { query: ["platform"] },
      handle: (call) => save(rooms, call, [call.parameter("name")]),
    },
    {
      method: "GET",
      path: "/images/{name*}/json",
      takes: { query: ["platform", "manifests"] },
      handle: async (call) => {
        if (flag(call.query, "manifests") && platformOf(call) !== undefined)
          throw new LongshoreError(
            "invalid",
            "conflicting options: manifests and platform options cannot both be set",
          );
        const image = imageOf(rooms, call, call.parameter("name"));
        call.reply(200, inspectImage(image, rooms.layers.driver, call.minor));
      },
    },
    {
      method: "GET",
      path: "/images/{name*}/history",
      takes: { query: ["platform"] },
      handle: async (call) =>
        call.reply(
          200,
          images.history(imageOf(rooms, call, call.parameter("name")).id).map((line) => ({
            Id: line.id,
            Created: Math.floor(Date.parse(line.createdAt) / 1000) || 0,
            CreatedBy: line.createdBy,
            Tags: line.tags.length === 0 ? null : line.tags,
            Size: line.sizeBytes,
            Comment: line.comment,
          })),
        ),
    },
    {
      method: "POST",
      path: "/images/{name*}/tag",
      takes: { query: ["repo", "tag"] },
      handle: async (call) => {
        const { query } = call;
        const reference = taggedReference(query.get("repo") ?? "", query.get("tag") ?? "");
        await images.tag(call.parameter("name"), reference);
        call.done(201);
      },
    },
    {
      method: "POST",
      path: "/images/{name*}/push",
      takes: { query: ["tag", "platform"], headers: ["X-Registry-Auth"] },
      handle: (call) => {
        const tag = call.query.get("tag") ?? "";
        if (parseReference(call.parameter("name")).digest !== undefined)
          throw new LongshoreError("invalid", "cannot push a digest reference");
        if (platformOf(call) !== undefined)
          imageOf(rooms, call, tag === "" ? call.parameter("name") : `${call.parameter("name")}:${tag}`);
        const auth = authOf(call);
        return progressStream(call, (line) =>
          images.push(
            call.parameter("name"),
            { ...(tag !== "" && { tag }), ...(auth !== undefined && { auth }), isAllTags: tag === "" },
            (progress) => line(withBar(progress)),
            call.signal,
          ),
        );
      },
    },
    {
      method: "DELETE",
      path: "/images/{name*}",
      takes: { query: ["force", "noprune", "platforms"] },
      handle: async (call) => {
        const name = call.parameter("name");
        // An image has one platform here: with it goes the whole.
        const [words = "", second] = call.query.getAll("platforms");
        if (second !== undefined) throw new LongshoreError("invalid", "multiple platforms are not supported");
        refuseOtherPlatform(images.get(name).config, name, parsePlatform(words));
        const removed = await images.remove(name, {
          isForced: flag(call.query, "force"),
          isPruningParents: !flag(call.query, "noprune"),
        });
        call.reply(200, removed.map(removedLine));
      },
    },
    {
      method: "GET",
      path: "/distribution/{name*}/json",
      takes: { headers: ["X-Registry-Auth"] },
      handle: async (call) => {
        const { descriptor, platforms } = await images.distribution(
          withDefaultTag(parseReference(call.parameter("name"))),
          authOf(call),
          call.signal,
        );
        call.reply(200, { Descriptor: descriptor, Platforms: platforms });
      },
    },
    {
      method: "POST",
      path: "/auth",
      takes: { body: authShape, inert: { email: "no registry asks for it any more" } },
      handle: async (call) => {
        const auth = authShape(await call.json(), "");
        const { identityToken, status } = await images.login(auth, call.signal);
        call.reply(200, { IdentityToken: identityToken, Status: status });
      },
    },
    {
      method: "POST",
      path: "/commit",
      takes: {
        query: ["container", "repo", "tag", "comment", "author", "pause", "changes"],
        body: commitShape,
        inert: RUN_TIME_ONLY,
      },
      handle: (call) => commit(rooms, call),
    },
  ];
}

/** The query's platform; undefined where it asks for none. */
const platformOf = (call: Call): Platform | undefined => parsePlatform(call.query.get("platform") ?? "");

function loadOptions(call: Call): { isQuiet: boolean; platform?: Platform } {
  const platform = platformOf(call);
  return { isQuiet: flag(call.query, "quiet"), ...(platform !== undefined && { platform }) };
}

/** The image of that name, when it is of the platform asked for. Throws `not_found` in Docker's words. */
function imageOf(rooms: Rooms, call: Call, name: string): Image {
  const image = rooms.images.get(name);
  refuseOtherPlatform(image.config, name, platformOf(call));
  return image;
}

const removedLine = (line: { untagged?: string; deleted?: string }): object => ({
  ...(line.untagged !== undefined && { Untagged: line.untagged }),
  ...(line.deleted !== undefined && { Deleted: line.deleted }),
});

function withBar(progress: Progress): object {
  const { progressDetail } = progress;
  if (progressDetail?.current === undefined) return progress;
  return { ...progress, progress: progressBar(progressDetail.current, progressDetail.total) };
}

async function createImage(rooms: Rooms, call: Call): Promise<void> {
  const { query } = call;
  const from = query.get("fromImage") ?? "";
  const platform = parsePlatform(query.get("platform") ?? "");
  if (from !== "") {
    const { reference, isAllTags } = pullReference(from, query.get("tag") ?? "");
    const auth = authOf(call);
    return await progressStream(call, (line) =>
      rooms.images.pull(
        reference,
        { isAllTags, ...(auth !== undefined && { auth }), ...(platform !== undefined && { platform }) },
        (progress) => line(withBar(progress)),
        call.signal,
      ),
    );
  }
  const source = query.get("fromSrc") ?? "";
  if (source !== "-")
    throw new LongshoreError(
      "invalid",
      source === ""
        ? "fromImage or fromSrc is required"
        : `fromSrc "${source}": only "-" (the request body) is supported`,
    );
  const reference = givenName(query);
  refuseOtherSystem(platform);
  const message = query.get("message") ?? "";
  await progressStream(call, async (line) => {
    const id = await rooms.images.importRootfs(
      call.request,
      {
        config: applyChanges({}, query.getAll("changes")),
        ...(reference !== undefined && { reference }),
        ...(message !== "" && { message }),
        ...(platform !== undefined && { platform }),
      },
      (progress) => line(progress),
      call.signal,
    );
    line({ status: id });
  });
}

/** The name that `repo` and `tag` give to what is made. */
function givenName(query: URLSearchParams): Reference | undefined {
  const repository = query.get("repo") ?? "";
  return repository === "" ? undefined : taggedReference(repository, query.get("tag") ?? "");
}

function refuseOtherSystem(platform: Platform | undefined): void {
  if (platform !== undefined && normalizePlatform(platform).os !== "linux")
    throw new LongshoreError("invalid", `operating system is not supported: ${platformText(platform)}`);
}

/** fromImage may carry the tag itself or end in `:`; `tag`, which may be a digest, stands for both. Neither tag nor digest = all tags. */
function pullReference(from: string, tag: string): { reference: Reference; isAllTags: boolean } {
  const given = parseReference(from.replace(/:$/, ""));
  const { tag: _tag, digest: _digest, ...repository } = given;
  if (tag === "")
    return { reference: given, isAllTags: given.tag === undefined && given.digest === undefined };
  const reference = tag.includes(":")
    ? { ...repository, digest: parseDigest(tag) }
    : taggedReference(familiarName(repository), tag);
  return { reference, isAllTags: false };
}

async function save(rooms: Rooms, call: Call, names: readonly string[]): Promise<void> {
  const wanted = names.flatMap((name) => name.split(",")).filter((name) => name !== "");
  if (wanted.length === 0) throw new LongshoreError("invalid", "no image names given to save");
  for (const name of wanted) imageOf(rooms, call, name);
  call.startStream("application/x-tar");
  for await (const chunk of rooms.images.save(wanted, call.signal)) await call.write(chunk);
  call.response.end();
}

async function commit(rooms: Rooms, call: Call): Promise<void> {
  const { query } = call;
  const body = await call.json();
  const reference = givenName(query);
  const container = rooms.containers.get(query.get("container") ?? "");
  const config = parseCommitConfig(body);
  const changes = query.getAll("changes");
  const id = await rooms.containers.commit(
    container.id,
    {
      ...(reference !== undefined && { reference: familiar(reference) }),
      comment: query.get("comment") ?? "",
      author: query.get("author") ?? "",
      isPausing: flag(query, "pause", true),
      configure: (own) => applyChanges(config ?? own, changes),
    },
    call.signal,
  );
  call.reply(201, { Id: id });
}

/** What a prune's filters mean. */
export function prunedImages(query: URLSearchParams, now: Date): Parameters<Images["prune"]>[0] {
  const filters = parseFilters(query, ["dangling", "label", "label!", "until"]);
  const until = untilOf(filters, now);
  return {
    isDanglingOnly: filterFlag(filters, "dangling") ?? true,
    matches: (image) =>
      labelsMatch(filters, image.config.config?.Labels ?? {}) && Date.parse(image.createdAt) < until,
  };
}
