import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type Registry, startRegistry } from "@longshore/testkit";
import { silentLogger as log, systemClock } from "#kernel";
import { openLayers } from "#layers";
import { openRegistry } from "#registry";
import { RecordedEvents } from "#testing/events";
import { memoryStore } from "#testing/store";
import { imagesConformance } from "./conformance.ts";
import type { ImagesUnderTest } from "./ground-conformance.ts";
import { openImages } from "./index.ts";
import { transferConformance } from "./transfer-conformance.ts";

const { signal } = new AbortController();
let upstream: Registry;
let rooms = 0;
beforeAll(async () => {
  upstream = await startRegistry();
});
afterAll(() => upstream[Symbol.asyncDispose]());

async function make(): Promise<ImagesUnderTest> {
  const dataRoot = mkdtempSync(join(tmpdir(), "longshore-images-"));
  const open = new AsyncDisposableStack();
  open.defer(() => rmSync(dataRoot, { recursive: true, force: true }));
  // Each room has repositories of its own.
  const host = `${upstream.host}/r${rooms++}`;
  const store = memoryStore();
  const events = new RecordedEvents();
  const layers = open.use(await openLayers({ dataRoot, store, log }, signal));
  const registry = open.use(openRegistry({ log, mirrors: [], insecure: [] }));
  const images = open.use(
    await openImages({ store, events, layers, registry, log, clock: systemClock }, signal),
  );
  return { images, layers, registry, events, host, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

imagesConformance("the room on overlay layers and docker-registry", make);
transferConformance("the room on overlay layers and docker-registry", make);
