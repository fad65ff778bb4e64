import { layersConformance } from "./conformance.ts";
import { FakeLayers } from "./testing.ts";

layersConformance("the fake", async () => {
  const layers = new FakeLayers();
  return {
    layers,
    change: async (key, written, removed) => layers.change(key, written, removed),
    [Symbol.asyncDispose]: () => layers[Symbol.asyncDispose](),
  };
});
