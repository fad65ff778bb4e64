import { describe, expect, test } from "vitest";
import { type Digest, digestOf, parseReference } from "#spec";
import type { Credentials, Registry, Repository } from "./contract.ts";

/** What the suite wants a registry to be like. */
export interface RegistryOptions {
  /** Who may come in; everybody if absent. Everybody may pull from `public/...`. */
  readonly users?: Readonly<Record<string, string>>;
  /** Answers of blobs are cut after so many bytes. */
  readonly cutAfterBytes?: number;
}

/** A client under test, and the registry that it speaks to. */
export interface RegistryUnderTest extends AsyncDisposable {
  readonly registry: Registry;
  /** The registry's domain in names. */
  readonly host: string;
  /** Offsets of the blob requests so far. */
  offsets(): readonly number[];
  /** Puts other bytes in the place of what is stored under `digest`. */
  spoil(digest: Digest, bytes: Buffer): void;
}

/** Larger blobs than this are to be pushed in chunks of it. */
export const CHUNK_BYTES = 300_000;
const OCI = "application/vnd.oci.image";
const MANIFEST = `${OCI}.manifest.v1+json`;
const INDEX = `${OCI}.index.v1+json`;
const users = { ada: "secret" };
const ada: Credentials = { username: "ada", password: "secret" };
const content = Buffer.alloc(1_000_000, "0123456789abcdefghijklm\n");
const config = Buffer.from('{"architecture":"amd64","os":"linux"}');
const never = new AbortController().signal;

function repositoryOf(
  under: RegistryUnderTest,
  path: string,
  purpose: "pull" | "push",
  credentials?: Credentials,
): Repository {
  return under.registry.repository(parseReference(`${under.host}/${path}`), credentials, purpose);
}

/** Pushes `bytes`; the offsets that they were asked for from. */
async function push(repository: Repository, bytes: Buffer): Promise<readonly number[]> {
  const offsets: number[] = [];
  async function* open(fromByte: number): AsyncGenerator<Uint8Array> {
    offsets.push(fromByte);
    for (let at = fromByte; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
  }
  await repository.pushBlob(digestOf(bytes), bytes.length, open, never);
  return offsets;
}

/** Pushes an image of one layer; its manifest. */
async function publish(repository: Repository, tag: string): Promise<Buffer> {
  await push(repository, content);
  await push(repository, config);
  const described = (bytes: Buffer, mediaType: string): object => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: described(config, `${OCI}.config.v1+json`),
      layers: [described(content, `${OCI}.layer.v1.tar`)],
    }),
  );
  expect(await repository.pushManifest(tag, manifest, MANIFEST, never)).toBe(digestOf(manifest));
  return manifest;
}

async function read(repository: Repository, fromByte: number, sizeBytes = content.length): Promise<Buffer> {
  const source = repository.blob(digestOf(content), sizeBytes, fromByte, never);
  return Buffer.concat(await Array.fromAsync(source));
}

/** What every Registry does. `make` gives a client and an empty registry. */
export function registryConformance(
  what: string,
  make: (options: RegistryOptions) => Promise<RegistryUnderTest>,
): void {
  describe(`${what} is a Registry`, () => {
    test("manifest() finds by tag and digest, images and indexes alike", async () => {
      await using under = await make({});
      const repository = repositoryOf(under, "c/app", "push");
      const manifest = await publish(repository, "1");
      const size = manifest.length;
      const entry = { mediaType: MANIFEST, digest: digestOf(manifest), size };
      const platforms = ["amd64", "arm64"].map((architecture) => ({ architecture, os: "linux" }));
      const index = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: INDEX,
          manifests: platforms.map((platform) => ({ ...entry, platform })),
        }),
      );
      await repository.pushManifest("all", index, INDEX, never);
      const pulled = repositoryOf(under, "c/app", "pull");
      for (const name of ["1", digestOf(manifest)])
        expect(await pulled.manifest(name, never)).toEqual({
          bytes: manifest,
          mediaType: MANIFEST,
          digest: digestOf(manifest),
        });
      expect(await pulled.manifest("all", never)).toMatchObject({ bytes: index, mediaType: INDEX });
      expect((await pulled.tags(never)).toSorted()).toEqual(["1", "all"]);
    });

    test("what is not there is not_found, each in its words", async () => {
      await using under = await make({});
      const repository = repositoryOf(under, "c/none", "pull");
      for (const name of ["1", digestOf("none")])
        await expect(repository.manifest(name, never)).rejects.toMatchObject({
          kind: "not_found",
          message: expect.stringMatching(/^manifest for .*c\/none.* not found: manifest unknown/) as string,
        });
      await expect(repository.tags(never)).rejects.toMatchObject({ kind: "not_found" });
      await expect(read(repository, 0)).rejects.toMatchObject({
        kind: "not_found",
        message: expect.stringMatching(
          /^(blob unknown|repository .*c\/none not found: name unknown): /,
        ) as string,
      });
      await expect(repository.hasBlob(digestOf(content), never)).resolves.toBe(false);
    });

    test("pushManifest() of parts that are not there is refused", async () => {
      await using under = await make({});
      const repository = repositoryOf(under, "c/parts", "push");
      const missing = { mediaType: `${OCI}.config.v1+json`, digest: digestOf("none"), size: 4 };
      const manifest = { schemaVersion: 2, mediaType: MANIFEST, config: missing, layers: [] };
      await expect(
        repository.pushManifest("1", Buffer.from(JSON.stringify(manifest)), MANIFEST, never),
      ).rejects.toMatchObject({
        kind: "invalid",
        message: expect.stringContaining("manifest blob unknown") as string,
      });
    });

    test("blob() begins where it is told, and goes on after each cut", async () => {
      await using under = await make({ cutAfterBytes: 400_000 });
      await push(repositoryOf(under, "c/cut", "push"), content);
      const repository = repositoryOf(under, "c/cut", "pull");
      expect((await read(repository, 0)).equals(content)).toBe(true);
      expect(under.offsets()).toEqual([0, 400_000, 800_000]);
      expect((await read(repository, 900_000)).equals(content.subarray(900_000))).toBe(true);
      expect(under.offsets().slice(3)).toEqual([900_000]);
    });

    test("blob() of another size than said is refused", async () => {
      await using under = await make({});
      await push(repositoryOf(under, "c/size", "push"), content);
      const repository = repositoryOf(under, "c/size", "pull");
      await expect(read(repository, 0, content.length - 1)).rejects.toMatchObject({
        kind: "invalid",
        message: expect.stringContaining("larger than the 999999 bytes") as string,
      });
      await expect(read(repository, 0, content.length + 1)).rejects.toMatchObject({ kind: "unavailable" });
    });

    test("manifest() by digest of other bytes is refused; by tag the digest is that of the bytes", async () => {
      await using under = await make({});
      const manifest = await publish(repositoryOf(under, "c/spoilt", "push"), "1");
      const other = Buffer.from(manifest.toString().replace('"schemaVersion":2', '"schemaVersion":2 '));
      under.spoil(digestOf(manifest), other);
      const repository = repositoryOf(under, "c/spoilt", "pull");
      await expect(repository.manifest(digestOf(manifest), never)).rejects.toMatchObject({
        kind: "invalid",
        message: `manifest verification failed for digest ${digestOf(manifest)}: got ${digestOf(other)}`,
      });
      expect((await repository.manifest("1", never)).digest).toBe(digestOf(other));
    });

    test("pushBlob() sends large blobs in chunks, small ones whole, and not under a wrong digest", async () => {
      await using under = await make({});
      const repository = repositoryOf(under, "c/chunks", "push");
      expect(await push(repository, content)).toEqual([0, 300_000, 600_000, 900_000]);
      expect(await push(repository, config)).toEqual([0]);
      expect((await read(repository, 0)).equals(content)).toBe(true);
      async function* other(): AsyncGenerator<Uint8Array> {
        yield config;
      }
      await expect(repository.pushBlob(digestOf("else"), config.length, other, never)).rejects.toMatchObject({
        kind: "invalid",
        message: expect.stringContaining("digest invalid") as string,
      });
      await expect(repository.hasBlob(digestOf("else"), never)).resolves.toBe(false);
    });

    test("mountBlob() takes a blob over from another repository, or says that it is not there", async () => {
      await using under = await make({});
      await push(repositoryOf(under, "c/source", "push"), content);
      const repository = repositoryOf(under, "c/target", "push");
      expect(await repository.mountBlob(digestOf("none"), "c/source", never)).toBe(false);
      expect(await repository.mountBlob(digestOf(content), "c/source", never)).toBe(true);
      expect(await repository.hasBlob(digestOf(content), never)).toBe(true);
    });

    test("nobody pulls what is not public, a wrong password is unauthorized, the right one does all", async () => {
      await using under = await make({ users });
      await publish(repositoryOf(under, "public/app", "push", ada), "1");
      await publish(repositoryOf(under, "c/own", "push", ada), "1");
      await repositoryOf(under, "public/app", "pull").manifest("1", never);
      await repositoryOf(under, "c/own", "pull", ada).manifest("1", never);
      await expect(repositoryOf(under, "c/own", "pull").manifest("1", never)).rejects.toMatchObject({
        kind: "not_found",
        message: expect.stringMatching(
          /^pull access denied for .*c\/own, repository does not exist/,
        ) as string,
      });
      const wrong = { ...ada, password: "guess" };
      await expect(repositoryOf(under, "c/own", "pull", wrong).manifest("1", never)).rejects.toMatchObject({
        kind: "unauthorized",
      });
      await expect(push(repositoryOf(under, "c/own", "push"), config)).rejects.toMatchObject({
        kind: "forbidden",
        message: "denied: requested access to the resource is denied",
      });
      const serveraddress = under.host;
      await expect(under.registry.login({ ...ada, serveraddress }, never)).resolves.toMatchObject({
        status: "Login Succeeded",
      });
      await expect(under.registry.login({ ...wrong, serveraddress }, never)).rejects.toMatchObject({
        kind: "unauthorized",
      });
    });

    test("who gave up hears the own reason, before and on the way", async () => {
      await using under = await make({});
      const repository = repositoryOf(under, "c/abort", "push");
      await publish(repository, "1");
      const reason = new Error("client went away");
      const gone = AbortSignal.abort(reason);
      await expect(repository.manifest("1", gone)).rejects.toBe(reason);
      await expect(repository.tags(gone)).rejects.toBe(reason);
      await expect(repository.hasBlob(digestOf(content), gone)).rejects.toBe(reason);
      await expect(repository.mountBlob(digestOf(content), "c/abort", gone)).rejects.toBe(reason);
      await expect(repository.pushManifest("2", config, MANIFEST, gone)).rejects.toBe(reason);
      const stop = new AbortController();
      const reading = async (): Promise<void> => {
        for await (const _ of repository.blob(digestOf(content), content.length, 0, stop.signal))
          stop.abort(reason);
      };
      await expect(reading()).rejects.toBe(reason);
      const halfway = new AbortController();
      async function* open(): AsyncGenerator<Uint8Array> {
        yield content.subarray(0, 100_000);
        halfway.abort(reason);
        yield content.subarray(100_000);
      }
      await expect(repository.pushBlob(digestOf("never"), content.length, open, halfway.signal)).rejects.toBe(
        reason,
      );
      await expect(repository.tags(never)).resolves.toEqual(["1"]);
    });

    test("search() refuses limits outside 1 to 100", async () => {
      await using under = await make({});
      for (const limit of [-1, 101])
        await expect(under.registry.search(`${under.host}/x`, limit, undefined, never)).rejects.toMatchObject(
          {
            kind: "invalid",
            message: `limit ${limit} is outside the range of [1, 100]`,
          },
        );
    });
  });
}
