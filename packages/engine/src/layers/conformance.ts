import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { chainIdOf, digestOf } from "#spec";
import type { FileEntry, LayerRecord, Layers } from "./contract.ts";
import { archive, file, folder, link, once } from "./test-archives.ts";

/** A driver under test, and a way to write into a snapshot as a container would. */
export interface LayersUnderTest extends AsyncDisposable {
  readonly layers: Layers;
  /** Writes the files (text) and folders (undefined) and removes what `removed` names. */
  change(
    key: string,
    written: Readonly<Record<string, string | undefined>>,
    removed: readonly string[],
  ): Promise<void>;
}

const small = archive(folder("etc"), file("etc/hosts", "text"), link("way", "etc"));
const never = new AbortController().signal;

async function stored(layers: Layers, bytes: Buffer, parent?: LayerRecord): Promise<LayerRecord> {
  const { digest, sizeBytes } = await layers.blobs.write(once(bytes), undefined, never);
  const blob = { digest, sizeBytes, mediaType: "application/vnd.oci.image.layer.v1.tar" };
  return await layers.apply(parent?.chainId, once(bytes), { blob }, never);
}
const shown = (files: readonly FileEntry[]): string[] =>
  files.map(({ change, path }) => `${change} ${path}`).toSorted();

/** What every Layers does. `make` gives an empty one. */
export function layersConformance(what: string, make: () => Promise<LayersUnderTest>): void {
  describe(`${what} is Layers`, () => {
    test("apply() names a layer by its plain bytes and its parent, however it was packed", async () => {
      await using under = await make();
      const { layers } = under;
      const base = await stored(layers, small);
      expect(base).toMatchObject({ diffId: digestOf(small), chainId: digestOf(small), sizeBytes: 7 });
      for (const packed of [gzipSync(small), zstdCompressSync(small), small])
        expect(await layers.apply(undefined, once(packed), {}, never)).toMatchObject({
          chainId: base.chainId,
          createdAt: base.createdAt,
        });
      const next = await layers.apply(base.chainId, once(small), { expectedDiffId: base.diffId }, never);
      expect(next).toMatchObject({
        parent: base.chainId,
        chainId: chainIdOf(base.chainId, base.diffId),
      });
      expect([...layers.list()].map(({ chainId }) => chainId)).toEqual([base.chainId, next.chainId]);
      expect(layers.layer(next.chainId)).toEqual(next);
    });

    test("apply() refuses another diff id, a cut archive and an absent parent, and leaves nothing", async () => {
      await using under = await make();
      const { layers } = under;
      const other = digestOf("other");
      await expect(
        layers.apply(undefined, once(small), { expectedDiffId: other }, never),
      ).rejects.toMatchObject({
        kind: "invalid",
        message: expect.stringContaining(`layer has diff id ${digestOf(small)}, want ${other}`),
      });
      for (const cut of [small.subarray(0, 700), gzipSync(small).subarray(0, 60)])
        await expect(layers.apply(undefined, once(cut), {}, never)).rejects.toMatchObject({
          kind: "invalid",
        });
      await expect(layers.apply(other, once(small), {}, never)).rejects.toMatchObject({
        kind: "not_found",
      });
      expect([...layers.list()]).toEqual([]);
    });

    test("apply() that is aborted on the way rejects with the signal's reason and leaves nothing", async () => {
      await using under = await make();
      const { layers } = under;
      const stop = new AbortController();
      const reason = new Error("client went away");
      const source = async function* (): AsyncGenerator<Buffer> {
        yield small.subarray(0, 600);
        stop.abort(reason);
        yield small.subarray(600);
      };
      await expect(layers.apply(undefined, source(), {}, stop.signal)).rejects.toBe(reason);
      expect([...layers.list()]).toEqual([]);
    });

    test("apply() of a source that fails rejects with its error", async () => {
      await using under = await make();
      const source = async function* (): AsyncGenerator<Buffer> {
        yield small.subarray(0, 600);
        throw new Error("the network is gone");
      };
      await expect(under.layers.apply(undefined, source(), {}, never)).rejects.toThrow("the network is gone");
      expect([...under.layers.list()]).toEqual([]);
    });

    test("exportLayer() gives the plain bytes back", async () => {
      await using under = await make();
      const { chainId } = await stored(under.layers, small);
      const bytes = Buffer.concat(await Array.fromAsync(under.layers.exportLayer(chainId, never)));
      expect(bytes.equals(small)).toBe(true);
    });

    test("removeLayer() refuses what is stood on or held, and is content with what is gone", async () => {
      await using under = await make();
      const { layers } = under;
      const base = await stored(layers, small);
      const next = await stored(layers, archive(file("b")), base);
      await layers.prepare("box", next.chainId, never);
      for (const { chainId } of [base, next])
        await expect(layers.removeLayer(chainId)).rejects.toMatchObject({
          kind: "conflict",
          message: expect.stringContaining(`layer ${chainId} is in use by`),
        });
      await layers.removeSnapshot("box");
      const held = layers.hold(next.chainId);
      await expect(layers.removeLayer(next.chainId)).rejects.toMatchObject({ kind: "conflict" });
      held[Symbol.dispose]();
      for (const { chainId } of [next, base, base]) await layers.removeLayer(chainId);
      expect([...layers.list()]).toEqual([]);
      expect(await layers.blobs.has(base.diffId)).toBe(false);
    });

    test("removeLayer() waits for an apply() of the same layer", async () => {
      await using under = await make();
      const { layers } = under;
      const expectedDiffId = digestOf(small);
      const applying = layers.apply(undefined, once(small), { expectedDiffId }, never);
      const removing = layers.removeLayer(expectedDiffId);
      await Promise.all([applying, removing]);
      expect([...layers.list()]).toEqual([]);
      await layers.apply(undefined, once(small), { expectedDiffId }, never);
      expect(await layers.files(expectedDiffId, never)).toHaveLength(3);
    });

    test("files() tells added, modified and deleted from what the layers below show", async () => {
      await using under = await make();
      const { layers } = under;
      const base = await stored(
        layers,
        archive(folder("a"), file("a/x"), file("b"), folder("c"), file("c/y")),
      );
      const next = await stored(
        layers,
        archive(file("a/x"), file("a/new"), file(".wh.b"), file(".wh.c")),
        base,
      );
      expect(shown(await layers.files(next.chainId, never))).toEqual([
        "added /a/new",
        "deleted /b",
        "deleted /c",
        "modified /a/x",
      ]);
      const last = await stored(
        layers,
        archive(folder("c"), file("c/y"), file("a/.wh..wh..opq"), file("b")),
        next,
      );
      expect(shown(await layers.files(last.chainId, never))).toEqual([
        "added /b",
        "added /c",
        "added /c/y",
        "modified /a",
      ]);
    });

    test("readFile() streams one file and refuses what is none", async () => {
      await using under = await make();
      const { layers } = under;
      const { chainId } = await stored(layers, small);
      const read = async (path: string): Promise<string> =>
        Buffer.concat(await Array.fromAsync(layers.readFile(chainId, path, never))).toString();
      expect(await read("/etc/hosts")).toBe("text");
      await expect(read("/etc/none")).rejects.toMatchObject({ kind: "not_found" });
      for (const path of ["/etc", "/way"])
        await expect(read(path)).rejects.toMatchObject({ kind: "invalid" });
      const absent = layers.readFile(digestOf("none"), "/a", never);
      await expect(Array.fromAsync(absent)).rejects.toMatchObject({ kind: "not_found" });
    });

    test("a fresh snapshot changed nothing and takes no room", async () => {
      await using under = await make();
      const { layers } = under;
      const base = await stored(layers, small);
      await layers.prepare("box", base.chainId, never);
      await layers.prepare("bare", undefined, never);
      expect([...layers.snapshots()]).toEqual(["box", "bare"]);
      for (const key of ["box", "bare"]) {
        expect(await layers.changes(key, never)).toEqual([]);
        expect(await layers.usageBytes(key, never)).toBe(0);
        expect(layers.mount(key)).toMatchObject({ kind: "overlay", upper: expect.any(String) });
        expect(layers.mount(key).lowers.length).toBeGreaterThan(0);
      }
      expect(layers.view(base.chainId).upper).toBeUndefined();
    });

    test("what a snapshot stands on is told, and what it and its layer take on the disk", async () => {
      await using under = await make();
      const { layers } = under;
      const { chainId } = await stored(layers, archive(file("large", "x".repeat(100_000))));
      await layers.prepare("box", chainId, never);
      await layers.prepare("bare", undefined, never);
      expect([layers.snapshotParent("box"), layers.snapshotParent("bare")]).toEqual([chainId, undefined]);
      const before = await layers.snapshotDiskBytes("box", never);
      expect(await layers.layerDiskBytes(chainId, never)).toBeGreaterThanOrEqual(100_000);
      await under.change("box", { large: "y".repeat(50_000) }, []);
      expect((await layers.snapshotDiskBytes("box", never)) - before).toBeGreaterThanOrEqual(50_000);
      expect(() => layers.snapshotParent("none")).toThrow("No such snapshot: none");
      await expect(layers.snapshotDiskBytes("none", never)).rejects.toMatchObject({ kind: "not_found" });
      await expect(layers.layerDiskBytes(digestOf("none"), never)).rejects.toMatchObject({
        kind: "not_found",
      });
    });

    test("changes(), usageBytes() and exportDiff() tell what was written", async () => {
      await using under = await make();
      const { layers } = under;
      const base = await stored(layers, archive(folder("etc"), file("etc/a", "1"), file("etc/b"), file("c")));
      await layers.prepare("box", base.chainId, never);
      await under.change("box", { "etc/a": "22", new: undefined, "new/f": "333" }, ["c"]);
      expect(await layers.changes("box", never)).toEqual([
        { kind: "deleted", path: "/c" },
        { kind: "modified", path: "/etc" },
        { kind: "modified", path: "/etc/a" },
        { kind: "added", path: "/new" },
        { kind: "added", path: "/new/f" },
      ]);
      expect(await layers.usageBytes("box", never)).toBe(5);
      const next = await layers.apply(base.chainId, layers.exportDiff("box", never), {}, never);
      expect(shown(await layers.files(next.chainId, never))).toEqual([
        "added /new",
        "added /new/f",
        "deleted /c",
        "modified /etc",
        "modified /etc/a",
      ]);
    });

    test("snapshots are refused by name when they exist, lack a parent or were given up", async () => {
      await using under = await make();
      const { layers } = under;
      await layers.prepare("box", undefined, never);
      await expect(layers.prepare("box", undefined, never)).rejects.toMatchObject({ kind: "conflict" });
      await expect(layers.prepare("other", digestOf("none"), never)).rejects.toMatchObject({
        kind: "not_found",
      });
      const reason = new Error("client went away");
      await expect(layers.prepare("late", undefined, AbortSignal.abort(reason))).rejects.toBe(reason);
      await expect(layers.prepare("../up", undefined, never)).rejects.toMatchObject({ kind: "invalid" });
      expect([...layers.snapshots()]).toEqual(["box"]);
      await layers.removeSnapshot("box");
      await layers.removeSnapshot("box");
      expect(() => layers.mount("box")).toThrow("No such snapshot: box");
      expect(() => layers.view(digestOf("none"))).toThrow("No such layer");
    });

    test.for([
      [{ digest: digestOf("other") }, `blob has digest ${digestOf("text")}, want ${digestOf("other")}`],
      [{ digest: digestOf("text"), sizeBytes: 3 }, "longer than the promised 3 bytes"],
      [{ digest: digestOf("text"), sizeBytes: 5 }, "ended after 4 of 5 bytes"],
    ] as const)("blobs.write() of %j is refused and leaves nothing", async ([expected, message]) => {
      await using under = await make();
      const { blobs } = under.layers;
      await expect(blobs.write(once(Buffer.from("text")), expected, never)).rejects.toMatchObject({
        kind: "invalid",
        message: expect.stringContaining(message),
      });
      expect(await Array.fromAsync(blobs.list())).toEqual([]);
    });

    test("blobs.fetch() goes on where it was broken off, by a failure or an abort", async () => {
      await using under = await make();
      const { blobs } = under.layers;
      const bytes = Buffer.from("0123456789");
      const expected = { digest: digestOf(bytes), sizeBytes: bytes.length };
      const offsets: number[] = [];
      const stop = new AbortController();
      const reason = new Error("client went away");
      const fromUntil = (end: number, last: () => void) =>
        async function* (fromByte: number): AsyncGenerator<Buffer> {
          offsets.push(fromByte);
          yield bytes.subarray(fromByte, end);
          last();
          yield bytes.subarray(end);
        };
      const fails = fromUntil(4, () => {
        throw new Error("the network is gone");
      });
      await expect(blobs.fetch(expected, fails, never)).rejects.toThrow("the network is gone");
      const aborts = fromUntil(7, () => stop.abort(reason));
      await expect(blobs.fetch(expected, aborts, stop.signal)).rejects.toBe(reason);
      expect(await blobs.has(expected.digest)).toBe(false);
      for (let times = 0; times < 2; times++)
        await blobs.fetch(
          expected,
          fromUntil(10, () => {}),
          never,
        );
      expect(offsets).toEqual([0, 4, 7]);
      expect(Buffer.concat(await Array.fromAsync(blobs.read(expected.digest, never, 6))).toString()).toBe(
        "6789",
      );
      expect(await blobs.dropPartial()).toBe(0);
    });

    test("blobs.fetch() asks for all again when what it had was wrong, and keeps nothing wrong", async () => {
      await using under = await make();
      const { blobs } = under.layers;
      const bytes = Buffer.from("0123456789");
      const expected = { digest: digestOf(bytes), sizeBytes: bytes.length };
      async function* cut(): AsyncGenerator<Buffer> {
        yield Buffer.from("xyz");
        throw new Error("the network is gone");
      }
      const whole = (fromByte: number): AsyncIterable<Buffer> => once(bytes.subarray(fromByte));
      await expect(blobs.fetch(expected, cut, never)).rejects.toThrow("the network is gone");
      await blobs.fetch(expected, whole, never);
      expect(await blobs.has(expected.digest)).toBe(true);
      await blobs.remove(expected.digest);
      for (const [wrong, message] of [
        ["0123456780", `want ${expected.digest}`],
        ["012345678", "ended after 9 of 10 bytes"],
        ["0123456789a", "longer than the promised 10 bytes"],
      ] as const)
        await expect(blobs.fetch(expected, () => once(Buffer.from(wrong)), never)).rejects.toMatchObject({
          kind: "invalid",
          message: expect.stringContaining(message),
        });
      expect(await blobs.dropPartial()).toBe(0);
      await expect(blobs.fetch(expected, cut, never)).rejects.toThrow("the network is gone");
      expect(await blobs.dropPartial(digestOf("other"))).toBe(0);
      expect(await blobs.partialBytes()).toBe(3);
      expect(await blobs.dropPartial()).toBe(3);
      expect(await blobs.partialBytes()).toBe(0);
    });

    test("fetch() brings a layer for apply(), on from where it was broken off; one that is here is not asked for", async () => {
      await using under = await make();
      const { layers } = under;
      const packed = gzipSync(small);
      const blob = { digest: digestOf(packed), sizeBytes: packed.length, mediaType: "tar+gzip" };
      const offsets: number[] = [];
      const fromUntil = (end: number) =>
        async function* (fromByte: number): AsyncGenerator<Buffer> {
          offsets.push(fromByte);
          yield packed.subarray(fromByte, end);
          if (end < packed.length) throw new Error("the network is gone");
        };
      await expect(layers.fetch(blob, fromUntil(40), never)).rejects.toThrow("the network is gone");
      expect(await layers.blobs.has(blob.digest)).toBe(false);
      const draft = await layers.fetch(blob, fromUntil(packed.length), never);
      const given = { blob, expectedDiffId: digestOf(small), ...(draft !== undefined && { draft }) };
      const record = await layers.apply(undefined, layers.blobs.read(blob.digest, never), given, never);
      await draft?.[Symbol.asyncDispose]();
      expect(record).toMatchObject({ diffId: digestOf(small), sizeBytes: 7, blob });
      expect(await layers.files(record.chainId, never)).toHaveLength(3);
      expect(await layers.fetch(blob, fromUntil(packed.length), never)).toBeUndefined();
      expect(offsets).toEqual([0, 40]);
    });

    test("fetch() keeps what is no layer as a blob, and nothing of what is not the blob that was asked for", async () => {
      await using under = await make();
      const { layers } = under;
      const other = Buffer.from("no archive");
      const expected = { digest: digestOf(other), sizeBytes: other.length };
      expect(await layers.fetch(expected, () => once(other), never)).toBeUndefined();
      expect(await layers.blobs.has(expected.digest)).toBe(true);
      const wrong = { digest: digestOf("other"), sizeBytes: small.length };
      await expect(layers.fetch(wrong, () => once(small), never)).rejects.toMatchObject({
        kind: "invalid",
        message: expect.stringContaining(`want ${wrong.digest}`),
      });
      expect([await layers.blobs.has(wrong.digest), await layers.blobs.dropPartial()]).toEqual([false, 0]);
    });

    test("blobs.lend() gives what read() gives, chunk by chunk, and is left early without harm", async () => {
      await using under = await make();
      const { blobs } = under.layers;
      const bytes = Buffer.from(Array.from({ length: 1_700_000 }, (_, at) => (at * 7919) % 251));
      const { digest } = await blobs.write(once(bytes), undefined, never);
      for (const from of [0, 1, 600_000, 1_699_999, 1_700_000]) {
        const chunks: Buffer[] = [];
        // A chunk is only lent: kept is a copy.
        for await (const chunk of blobs.lend(digest, never, from)) chunks.push(Buffer.from(chunk));
        expect(Buffer.concat(chunks).equals(bytes.subarray(from))).toBe(true);
      }
      for await (const chunk of blobs.lend(digest, never)) {
        expect(chunk.byteLength).toBeGreaterThan(0);
        break;
      }
      const reason = new Error("client went away");
      await expect(Array.fromAsync(blobs.lend(digest, AbortSignal.abort(reason)))).rejects.toBe(reason);
      await blobs.remove(digest);
      await expect(Array.fromAsync(blobs.lend(digest, never))).rejects.toMatchObject({ kind: "not_found" });
    });

    test("blobs are kept by digest, held against removal and absent afterwards", async () => {
      await using under = await make();
      const { blobs } = under.layers;
      const digest = digestOf("text");
      using holds = new DisposableStack();
      expect(await blobs.write(once(Buffer.from("text")), undefined, never, holds)).toEqual({
        digest,
        sizeBytes: 4,
      });
      await blobs.remove(digest);
      expect(Buffer.concat(await Array.fromAsync(blobs.read(digest, never))).toString()).toBe("text");
      holds.dispose();
      await blobs.remove(digest);
      expect([await blobs.has(digest), await blobs.sizeBytes(digest)]).toEqual([false, undefined]);
      await expect(Array.fromAsync(blobs.read(digest, never))).rejects.toMatchObject({ kind: "not_found" });
    });
  });
}
