import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { silentLogger as log } from "#kernel";
import { openLayers } from "#layers";
import { openOnFakes } from "#testing/containers";
import { memoryStore } from "#testing/store";
import { systemConformance } from "./conformance.ts";
import { fakeSystem } from "./testing.ts";

systemConformance("the room on overlay layers", async () => {
  const dataRoot = mkdtempSync(path.join(tmpdir(), "longshore-system-"));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rmSync(dataRoot, { recursive: true, force: true }));
  const deps = { dataRoot, store: memoryStore(), log };
  const layers = undo.use(await openLayers(deps, new AbortController().signal));
  const ground = undo.use(await openOnFakes({ layers, programs: { sleeper: () => new Promise(() => {}) } }));
  const owned = undo.move();
  return {
    system: fakeSystem(ground),
    ground,
    write: (id, bytes) => writeFileSync(path.join(layers.mount(id).upper ?? "", "f"), "x".repeat(bytes)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
});
