import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { mountOverlay, unmount } from "#host";
import { silentLogger } from "#kernel";
import { memoryStore } from "#testing/store";
import { layersConformance, type LayersUnderTest } from "./conformance.ts";
import { openLayers } from "./index.ts";

layersConformance("the overlay driver", async (): Promise<LayersUnderTest> => {
  const folder = mkdtempSync(path.join(tmpdir(), "longshore-overlay-"));
  const dataRoot = path.join(folder, "data");
  const target = path.join(folder, "target");
  mkdirSync(dataRoot);
  mkdirSync(target);
  const layers = await openLayers(
    { dataRoot, store: memoryStore(), log: silentLogger },
    new AbortController().signal,
  );
  return {
    layers,
    async change(key, written, removed) {
      mountOverlay(layers.mount(key), target);
      try {
        for (const [name, text] of Object.entries(written))
          if (text === undefined) mkdirSync(path.join(target, name));
          else writeFileSync(path.join(target, name), text);
        for (const name of removed) rmSync(path.join(target, name), { recursive: true });
      } finally {
        unmount(target);
      }
    },
    async [Symbol.asyncDispose]() {
      await layers[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});
