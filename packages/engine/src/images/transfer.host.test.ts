import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openEvents } from "#events";
import { silentLogger as log, systemClock } from "#kernel";
import { openLayers } from "#layers";
import { openRegistry, USUAL_LIMITS } from "#registry";
import { type Digest, digestOf, parseReference } from "#spec";
import { memoryStore } from "#testing/store";
import { dockerArchive, type Gate, type Registry, startGate, startRegistry, tarOf } from "@longshore/testkit";
import { type Images, openImages, type Progress } from "./index.ts";

const OCI = "application/vnd.oci.image";
const DOCKER = "application/vnd.docker";
const here = process.arch === "arm64" ? "arm64" : "amd64";
const layerOf = (name: string, data: string | Buffer = name): Buffer => tarOf([{ name, data }]);

let upstream: Registry;
let root = "";
let open: AsyncDisposableStack;
let rooms = 0;
beforeAll(async () => {
  upstream = await startRegistry();
});
afterAll(() => upstream[Symbol.asyncDispose]());
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "longshore-transfer-"));
  open = new AsyncDisposableStack();
});
afterEach(async () => {
  await open[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

const limits = { ...USUAL_LIMITS, firstPauseMs: 1 };

/** A room of its own, or the next one on the same folder. */
async function room(
  signal: AbortSignal,
  folder = `room-${rooms++}`,
): Promise<{ images: Images; files: () => readonly string[]; partial: () => readonly number[] }> {
  const dataRoot = join(root, folder);
  mkdirSync(dataRoot, { recursive: true });
  const store = memoryStore();
  const layers = open.use(await openLayers({ dataRoot, store, log }, signal));
  const registry = open.use(openRegistry({ log, mirrors: [], insecure: [], limits }));
  const images = open.use(
    await openImages({ store, events: openEvents(), layers, registry, log, clock: systemClock }, signal),
  );
  const files = (): readonly string[] =>
    ["tmp", "blobs/sha256"].flatMap((folder) =>
      readdirSync(join(dataRoot, folder)).map((name) => `${folder}/${name}`),
    );
  const partial = (): readonly number[] =>
    readdirSync(join(dataRoot, "partial")).map((name) => statSync(join(dataRoot, "partial", name)).size);
  return { images, files, partial };
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

async function putBlob(repository: string, bytes: Buffer, mediaType: string): Promise<Descriptor> {
  const base = `http://${upstream.host}/v2/${repository}/blobs/uploads/`;
  const begun = await fetch(base, { method: "POST" });
  const target = new URL(begun.headers.get("location") ?? "", base);
  const digest = digestOf(bytes);
  target.searchParams.set("digest", digest);
  const put = await fetch(target, { method: "PUT", body: new Uint8Array(bytes) });
  expect(put.status).toBe(201);
  return { mediaType, digest, size: bytes.length };
}

async function putManifest(
  repository: string,
  tag: string,
  content: { readonly mediaType: string; readonly [key: string]: unknown },
): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(content));
  const put = await fetch(`http://${upstream.host}/v2/${repository}/manifests/${tag}`, {
    method: "PUT",
    headers: { "Content-Type": content.mediaType },
    body: new Uint8Array(bytes),
  });
  expect(put.status).toBe(201);
  return { mediaType: content.mediaType, digest: digestOf(bytes), size: bytes.length };
}

interface Layer {
  readonly tar: Buffer;
  readonly bytes: Buffer;
  readonly mediaType: string;
}
const zstd = (tar: Buffer): Layer => ({
  tar,
  bytes: zstdCompressSync(tar),
  mediaType: `${OCI}.layer.v1.tar+zstd`,
});
const gzip = (tar: Buffer, mediaType = `${OCI}.layer.v1.tar+gzip`): Layer => ({
  tar,
  bytes: gzipSync(tar, { level: 9 }),
  mediaType,
});

/** Puts an image there as other tools would, with media types of its own. */
async function publish(
  repository: string,
  tag: string,
  layers: readonly Layer[],
  options: { architecture?: string; variant?: string; kind?: "oci" | "docker" } = {},
): Promise<Descriptor & { readonly id: Digest }> {
  const { architecture = here, variant, kind = "oci" } = options;
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      ...(variant !== undefined && { variant }),
      os: "linux",
      created: "2026-01-01T00:00:00Z",
      config: { Labels: { of: `${repository}:${tag}` } },
      rootfs: { type: "layers", diff_ids: layers.map(({ tar }) => digestOf(tar)) },
    }),
  );
  const configType = kind === "oci" ? `${OCI}.config.v1+json` : `${DOCKER}.container.image.v1+json`;
  const manifest = {
    schemaVersion: 2,
    mediaType: kind === "oci" ? `${OCI}.manifest.v1+json` : `${DOCKER}.distribution.manifest.v2+json`,
    config: await putBlob(repository, config, configType),
    layers: await Promise.all(layers.map(({ bytes, mediaType }) => putBlob(repository, bytes, mediaType))),
  };
  return { ...(await putManifest(repository, tag, manifest)), id: digestOf(config) };
}

const inspected = (name: string, ...flags: readonly string[]): string =>
  execFileSync("skopeo", ["inspect", "--tls-verify=false", ...flags, `docker://${name}`], {
    encoding: "utf8",
  });
const hasSkopeo = spawnSync("skopeo", ["--version"]).status === 0;
const remoteDigest = (name: string): string => inspected(name, "--format", "{{.Digest}}").trim();

test("a pull takes OCI and Docker types, gzip and zstd layers", async ({ signal }) => {
  const { images } = await room(signal);
  const docker = `${DOCKER}.image.rootfs.diff.tar.gzip`;
  const oci = await publish("pull/kinds", "oci", [gzip(layerOf("a")), zstd(layerOf("b"))]);
  const old = await publish("pull/kinds", "docker", [gzip(layerOf("a"), docker)], { kind: "docker" });
  await images.pull(parseReference(`${upstream.host}/pull/kinds`), { isAllTags: true }, () => {}, signal);
  for (const [tag, { id, digest }] of Object.entries({ oci, docker: old })) {
    const image = images.get(`${upstream.host}/pull/kinds:${tag}`);
    expect(image.id).toBe(id);
    expect(image.repoDigests).toEqual([`${upstream.host}/pull/kinds@${digest}`]);
  }
});

test("a pull from an index takes the platform asked for, never an attestation", async ({ signal }) => {
  const { images } = await room(signal);
  const platforms = [
    { os: "linux", architecture: "arm", variant: "v7" },
    { os: "linux", architecture: "arm", variant: "v6" },
    { os: "linux", architecture: here },
  ];
  const entries = await Promise.all(
    platforms.map(async ({ architecture, variant }, at) => ({
      ...(await publish("pull/multi", `p${at}`, [gzip(layerOf(`p${at}`))], {
        architecture,
        ...(variant !== undefined && { variant }),
      })),
      platform: { os: "linux", architecture, ...(variant !== undefined && { variant }) },
    })),
  );
  const attestation = {
    ...(await publish("pull/multi", "att", [gzip(layerOf("att"))], { architecture: "unknown" })),
    platform: { os: "unknown", architecture: "unknown" },
    annotations: { "vnd.docker.reference.type": "attestation-manifest" },
  };
  const index = await putManifest("pull/multi", "all", {
    mediaType: `${OCI}.index.v1+json`,
    schemaVersion: 2,
    manifests: [attestation, ...entries].map(({ id: _id, ...entry }) => entry),
  });
  const reference = parseReference(`${upstream.host}/pull/multi:all`);
  const name = `${upstream.host}/pull/multi:all`;
  for (const [at, platform] of platforms.entries()) {
    await images.pull(reference, at === 2 ? {} : { platform }, () => {}, signal);
    expect(images.get(name).id).toBe(entries[at]?.id);
    expect(images.get(name).repoDigests).toContain(`${upstream.host}/pull/multi@${index.digest}`);
  }
  const platform = { os: "linux", architecture: "s390x" };
  await expect(images.pull(reference, { platform }, () => {}, signal)).rejects.toMatchObject({
    kind: "not_found",
    message: "no matching manifest for linux/s390x in the manifest list entries",
  });
  await expect(images.distribution(reference, undefined, signal)).resolves.toEqual({
    descriptor: index,
    platforms: entries.map((entry) => entry.platform),
  });
  const lone = await images.distribution(parseReference(`${upstream.host}/pull/multi:p1`), undefined, signal);
  expect(lone.platforms).toEqual([{ os: "linux", architecture: "arm", variant: "v6" }]);
});

test("an image without an index is taken for another platform, with a warning", async ({ signal }) => {
  const { images } = await room(signal);
  await publish("pull/lone", "1", [gzip(layerOf("lone"))], { architecture: "s390x" });
  const lines: Progress[] = [];
  const platform = { os: "linux", architecture: "amd64" };
  const reference = parseReference(`${upstream.host}/pull/lone:1`);
  await images.pull(reference, { platform }, (line) => lines.push(line), signal);
  expect(lines.at(-1)?.status).toBe(
    `WARNING: image with reference ${upstream.host}/pull/lone:1 was found but its platform (linux/s390x) does not match the specified platform (linux/amd64)`,
  );
});

test("foreign layers are refused in words and leave nothing", async ({ signal }) => {
  const { images, files } = await room(signal);
  const layer = { mediaType: `${OCI}.layer.nondistributable.v1.tar`, digest: digestOf("x"), size: 1 };
  const mediaType = `${OCI}.manifest.v1+json`;
  const config = { mediaType: `${OCI}.config.v1+json`, digest: digestOf("{}"), size: 2 };
  const layers = [{ ...layer, urls: ["https://elsewhere.example/x"] }];
  // The real registry takes such manifests only when it is set up for it.
  const server = createServer((_, response) => {
    response.setHeader("Content-Type", mediaType);
    response.end(JSON.stringify({ schemaVersion: 2, mediaType, config, layers }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const reference = parseReference(`127.0.0.1:${(server.address() as AddressInfo).port}/pull/foreign:1`);
    await expect(images.pull(reference, {}, () => {}, signal)).rejects.toMatchObject({
      kind: "unsupported",
      message: expect.stringContaining("is a foreign layer") as string,
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
  expect(files()).toEqual([]);
});

test("two pulls under way share what they have in common: one download, told to both", async ({ signal }) => {
  const { images } = await room(signal);
  const shared = gzip(layerOf("shared", randomBytes(3_000_000)));
  await publish("pull/share", "1", [shared, gzip(layerOf("one"))]);
  await publish("pull/share", "2", [shared, gzip(layerOf("two"))]);
  await using gate = await startGate(upstream.host);
  const short = digestOf(shared.bytes).slice(7, 19);
  const told = await Promise.all(
    ["1", "2"].map(async (tag) => {
      const lines: Progress[] = [];
      const reference = parseReference(`${gate.host}/pull/share:${tag}`);
      await images.pull(reference, {}, (line) => lines.push(line), signal);
      return lines.filter(({ id }) => id === short).map(({ status }) => status);
    }),
  );
  for (const lines of told) {
    expect(lines[0]).toBe("Pulling fs layer");
    expect(["Pull complete", "Already exists"]).toContain(lines.at(-1));
  }
  const reads = gate.requests.filter(({ path }) => path.endsWith(digestOf(shared.bytes)));
  expect(reads.length).toBe(1);
});

/** Where the reads of a blob began. */
const offsetsOf = (gate: Gate, digest: string): readonly number[] =>
  gate.requests
    .filter(({ method, path }) => method === "GET" && path.endsWith(digest))
    .map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? "bytes=0-")?.[1]));

test("a pull whose registry died goes on where it was, in the engine's next run too", async ({ signal }) => {
  const { images, files, partial } = await room(signal, "first");
  const big = gzip(layerOf("big", randomBytes(4_000_000)));
  const { id } = await publish("pull/died", "1", [gzip(layerOf("small")), big]);
  const digest = digestOf(big.bytes);
  {
    await using gate = await startGate(upstream.host, { stallAfterBytes: 3_000_000 });
    const pull = images.pull(parseReference(`${gate.host}/pull/died:1`), {}, () => {}, signal);
    const failed = expect(pull).rejects.toMatchObject({ kind: "unavailable" });
    await expect.poll(() => partial(), { timeout: 30_000 }).toEqual([3_000_000]);
    await gate[Symbol.asyncDispose]();
    await failed;
  }
  expect(files()).toEqual([]);
  expect(partial()).toEqual([3_000_000]);
  const next = await room(signal, "first");
  await using gate = await startGate(upstream.host);
  await next.images.pull(parseReference(`${gate.host}/pull/died:1`), {}, () => {}, signal);
  expect(offsetsOf(gate, digest)).toEqual([3_000_000]);
  expect(next.images.get(id).repoTags).toEqual([`${gate.host}/pull/died:1`]);
  expect(next.partial()).toEqual([]);
});

test("a pull of what was spoilt in the registry is refused and keeps nothing of it", async ({ signal }) => {
  const { images, files, partial } = await room(signal);
  const big = gzip(layerOf("big", randomBytes(4_000_000)));
  await publish("pull/spoilt", "1", [big]);
  const hex = digestOf(big.bytes).slice("sha256:".length);
  const [blob = ""] = globSync(`${upstream.storage}/**/blobs/sha256/*/${hex}/data`);
  writeFileSync(blob, Buffer.from(big.bytes).fill(0, 3_900_000));
  const pull = images.pull(parseReference(`${upstream.host}/pull/spoilt:1`), {}, () => {}, signal);
  await expect(pull).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining(`want sha256:${hex}`) as string,
  });
  expect([files(), partial()]).toEqual([[], []]);
});

test("a pull that is given up keeps what came, until an image prune or the next pull", async ({ signal }) => {
  const { images, files, partial } = await room(signal);
  await publish("pull/broken", "1", [gzip(layerOf("small")), gzip(layerOf("big", randomBytes(4_000_000)))]);
  await using gate = await startGate(upstream.host, { stallAfterBytes: 3_000_000 });
  const stop = new AbortController();
  const reason = new Error("client went away");
  const both = AbortSignal.any([signal, stop.signal]);
  const pull = images.pull(parseReference(`${gate.host}/pull/broken:1`), {}, () => {}, both);
  const gone = expect(pull).rejects.toBe(reason);
  await expect.poll(() => partial(), { timeout: 30_000 }).toEqual([3_000_000]);
  stop.abort(reason);
  await gone;
  expect([files(), partial()]).toEqual([[], [3_000_000]]);
  const pruned = await images.prune({ isDanglingOnly: true });
  expect([pruned, partial()]).toEqual([{ removed: [], reclaimedBytes: 3_000_000, discarded: [] }, []]);
  await images.pull(parseReference(`${upstream.host}/pull/broken:1`), {}, () => {}, signal);
  await images.remove(`${upstream.host}/pull/broken:1`, { isForced: false, isPruningParents: true });
  expect(files()).toEqual([]);
});

test.skipIf(!hasSkopeo)(
  "what was pulled is pushed as the same bytes: the digest stays, layers are mounted",
  async ({ signal }) => {
    const { images } = await room(signal);
    const { digest } = await publish("push/from", "1", [zstd(layerOf("z")), gzip(layerOf("g"))]);
    await images.pull(parseReference(`${upstream.host}/push/from:1`), {}, () => {}, signal);
    const target = `${upstream.host}/push/to:1`;
    await images.tag(`${upstream.host}/push/from:1`, parseReference(target));
    const lines: Progress[] = [];
    await images.push(target, {}, (line) => lines.push(line), signal);
    expect(lines.filter(({ status }) => status === "Mounted from push/from").length).toBe(2);
    expect(lines.at(-1)).toMatchObject({ aux: { Tag: "1", Digest: digest } });
    expect(remoteDigest(target)).toBe(digest);
  },
);

test.skipIf(!hasSkopeo)(
  "every digest is the one that skopeo computes: diff ids, chain ids, config and manifest, pulled and pushed",
  async ({ signal }) => {
    const { images } = await room(signal);
    const layers = [layerOf("a", randomBytes(50_000)), layerOf("b"), layerOf("c")];
    const docker = join(root, "in.tar");
    writeFileSync(docker, dockerArchive({ reference: "ls/digests:1", layers }));
    const source = `${upstream.host}/digests/in:1`;
    const copy = (...args: readonly string[]): void =>
      void execFileSync("skopeo", ["copy", "--insecure-policy", ...args], { stdio: "pipe" });
    for (const format of ["oci", "v2s2"]) {
      copy("--format", format, "--dest-tls-verify=false", `docker-archive:${docker}`, `docker://${source}`);
      await images.pull(parseReference(source), {}, () => {}, signal);
      const image = images.get(source);
      const config = inspected(source, "--config", "--raw");
      const diffIds = (JSON.parse(config) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids;
      expect(image.id).toBe(digestOf(config));
      expect(image.repoDigests).toContain(`${upstream.host}/digests/in@${remoteDigest(source)}`);
      expect(image.config.rootfs.diff_ids).toEqual(diffIds);
      expect(diffIds).toEqual(layers.map((bytes) => digestOf(bytes)));
      // Source: OCI image spec, config, layer ChainID.
      const chain = diffIds.reduce<string[]>(
        (below, diffId) => [...below, below.length === 0 ? diffId : digestOf(`${below.at(-1)} ${diffId}`)],
        [],
      );
      expect(image.chain).toEqual(chain);
      const target = `${upstream.host}/digests/out:${format}`;
      await images.tag(source, parseReference(target));
      await images.push(target, {}, () => {}, signal);
      expect(inspected(target, "--raw")).toBe(inspected(source, "--raw"));
    }
    // What was loaded has no manifest yet: the registry's digest, ours and that of the bytes are one.
    const own = `${upstream.host}/digests/own:1`;
    async function* archive(): AsyncGenerator<Buffer> {
      yield dockerArchive({ reference: own, layers });
    }
    await images.load(archive(), {}, () => {}, signal);
    await images.push(own, {}, () => {}, signal);
    const digest = digestOf(inspected(own, "--raw"));
    expect(remoteDigest(own)).toBe(digest);
    expect(images.get(own).repoDigests).toContain(`${upstream.host}/digests/own@${digest}`);
    // Another tool unpacks it to the same layers.
    copy("--src-tls-verify=false", "--dest-decompress", `docker://${own}`, `dir:${join(root, "dir")}`);
    const unpacked = JSON.parse(readFileSync(join(root, "dir/manifest.json"), "utf8")) as {
      layers: { digest: string }[];
    };
    expect(unpacked.layers.map((layer) => layer.digest)).toEqual(layers.map((bytes) => digestOf(bytes)));
  },
);

test.skipIf(!hasSkopeo)(
  "plain layers are compressed for the push, each once, and leave no file",
  async ({ signal }) => {
    const { images, files } = await room(signal);
    const target = `${upstream.host}/push/plain`;
    const twice = layerOf("twice", "t".repeat(200_000));
    const layers = [twice, ...["a", "b"].map((name) => layerOf(name)), twice];
    async function* archive(): AsyncGenerator<Buffer> {
      yield dockerArchive({ reference: `${target}:1`, layers });
    }
    await images.load(archive(), {}, () => {}, signal);
    await images.tag(`${target}:1`, parseReference(`${target}:2`));
    const before = files();
    const lines: Progress[] = [];
    await images.push(target, { isAllTags: true }, (line) => lines.push(line), signal);
    expect(files()).toEqual(before);
    expect(lines.filter(({ status }) => status === "Pushed").length).toBe(3);
    const digests = lines.flatMap(({ aux }) =>
      aux === undefined ? [] : [(aux as { Digest: string }).Digest],
    );
    expect(digests.length).toBe(2);
    for (const tag of ["1", "2"]) expect(remoteDigest(`${target}:${tag}`)).toBe(digests[0]);
    const other = await room(signal);
    await other.images.pull(parseReference(`${target}:2`), {}, () => {}, signal);
    expect(other.images.get(`${target}:2`).id).toBe(images.get(`${target}:1`).id);
  },
);

test("a push that is broken off leaves no draft", async ({ signal }) => {
  const { images, files } = await room(signal);
  const target = `${upstream.host}/push/broken:1`;
  async function* archive(): AsyncGenerator<Buffer> {
    yield dockerArchive({ reference: target, layers: [layerOf("x", randomBytes(4_000_000)), layerOf("y")] });
  }
  await images.load(archive(), {}, () => {}, signal);
  const before = files();
  const stop = new AbortController();
  const reason = new Error("client went away");
  const push = images.push(
    target,
    {},
    ({ status }) => {
      if (status === "Pushing") stop.abort(reason);
    },
    AbortSignal.any([signal, stop.signal]),
  );
  await expect(push).rejects.toBe(reason);
  expect(files()).toEqual(before);
});
