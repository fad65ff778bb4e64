import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { type Digest, hexOf } from "#spec";
import { openStore } from "#store";
import { type LayerRecord, type Layers, openLayers } from "./index.ts";
import { archive, file, once } from "./test-archives.ts";

const { signal } = new AbortController();
let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "longshore-late-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** The room as one run of the engine has it, in one run of the kernel. */
async function during<T>(
  boot: string,
  work: (layers: Layers) => Promise<T>,
  syncAfterMs = 1_000_000,
): Promise<T> {
  await using store = openStore(join(root, "metadata.db"));
  await using layers = await openLayers(
    { dataRoot: root, store, log: silentLogger, boot, syncAfterMs },
    signal,
  );
  return await work(layers);
}

async function add(layers: Layers, parent: Digest | undefined, bytes: Buffer): Promise<LayerRecord> {
  const { digest, sizeBytes } = await layers.blobs.write(once(bytes), undefined, signal);
  const mediaType = "application/vnd.oci.image.layer.v1.tar";
  return await layers.apply(parent, once(bytes), { blob: { digest, sizeBytes, mediaType } }, signal);
}

const fileOf = (layers: Layers, { chainId }: LayerRecord, name: string): string =>
  join(layers.view(chainId).lowers[0] ?? "", name);

describe("a layer that was acknowledged", () => {
  test("names its boot until it is on the disk", async () => {
    await during(
      "first",
      async (layers) => {
        const { chainId } = await add(layers, undefined, archive(file("f", "text")));
        expect(layers.layer(chainId)?.writtenInBoot).toBe("first");
        await expect.poll(() => layers.layer(chainId)?.writtenInBoot, { timeout: 30_000 }).toBeUndefined();
      },
      200,
    );
  });

  test("stays as it is after the engine's death", async () => {
    const record = await during("first", (layers) => add(layers, undefined, archive(file("f", "text"))));
    await during("first", async (layers) => {
      writeFileSync(fileOf(layers, record, "f"), "still the same file");
    });
    await during("first", async (layers) => {
      expect(readFileSync(fileOf(layers, record, "f"), "utf8")).toBe("still the same file");
    });
  });

  test("is unpacked anew when the machine stopped before it was on the disk", async () => {
    const [below, above] = await during("first", async (layers) => {
      const lower = await add(layers, undefined, archive(file("f", "text")));
      const upper = await add(layers, lower.chainId, archive(file("g", "more")));
      // As a power cut leaves it: the name is there, the bytes are not.
      writeFileSync(fileOf(layers, lower, "f"), "");
      return [lower, upper];
    });
    await during("second", async (layers) => {
      expect(readFileSync(fileOf(layers, below, "f"), "utf8")).toBe("text");
      expect(readFileSync(fileOf(layers, above, "g"), "utf8")).toBe("more");
      expect(layers.layer(below.chainId)?.writtenInBoot).toBe("second");
    });
  });

  test("is dropped with what stands on it when its archive is damaged too", async () => {
    const [below, above, apart] = await during("first", async (layers) => {
      const lower = await add(layers, undefined, archive(file("f", "text")));
      const upper = await add(layers, lower.chainId, archive(file("g", "more")));
      const other = await add(layers, undefined, archive(file("h", "other")));
      const blob = join(root, "blobs/sha256", hexOf(lower.blob?.digest as Digest));
      writeFileSync(blob, readFileSync(blob).fill(0, 512, 600));
      return [lower, upper, other];
    });
    await during("second", async (layers) => {
      expect([...layers.list()].map(({ chainId }) => chainId)).toEqual([apart.chainId]);
      expect(readFileSync(fileOf(layers, apart, "h"), "utf8")).toBe("other");
      for (const { chainId } of [below, above])
        expect(existsSync(join(root, "layers", chainId.slice("sha256:".length)))).toBe(false);
    });
  });
});
