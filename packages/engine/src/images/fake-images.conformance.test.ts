import { RecordedEvents } from "#testing/events";
import { FakeLayers } from "#testing/layers";
import { FakeRegistry } from "#testing/registry";
import { imagesConformance } from "./conformance.ts";
import type { ImagesUnderTest } from "./ground-conformance.ts";
import { fakeImages } from "./testing.ts";
import { transferConformance } from "./transfer-conformance.ts";

async function make(): Promise<ImagesUnderTest> {
  const layers = new FakeLayers();
  const registry = new FakeRegistry();
  const events = new RecordedEvents();
  const images = await fakeImages({ layers, registry, events });
  return {
    images,
    layers,
    registry,
    events,
    host: "registry.test",
    [Symbol.asyncDispose]: () => images[Symbol.asyncDispose](),
  };
}

imagesConformance("the room on fake layers and a fake registry", make);
transferConformance("the room on fake layers and a fake registry", make);
