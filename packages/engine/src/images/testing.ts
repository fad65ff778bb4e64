import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { FakeLayers } from "#testing/layers";
import { FakeRegistry } from "#testing/registry";
import { memoryStore } from "#testing/store";
import { type Images, type ImagesDeps, openImages } from "./index.ts";

/** The real room on fake layers and a fake registry: its rules, words and events are the real ones; nothing touches the disk or the network. */
export async function fakeImages(deps: Partial<ImagesDeps> = {}): Promise<Images> {
  return await openImages(
    {
      store: memoryStore(),
      events: openEvents(),
      layers: new FakeLayers(),
      registry: new FakeRegistry(),
      log: silentLogger,
      clock: systemClock,
      ...deps,
    },
    new AbortController().signal,
  );
}
