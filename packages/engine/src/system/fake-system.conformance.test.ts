import { openOnFakes } from "#testing/containers";
import { FakeLayers } from "#testing/layers";
import { systemConformance } from "./conformance.ts";
import { fakeSystem } from "./testing.ts";

systemConformance("the room on fakes", async () => {
  const ground = await openOnFakes({ programs: { sleeper: () => new Promise(() => {}) } });
  const { layers } = ground;
  return {
    system: fakeSystem(ground),
    ground,
    write: (id, bytes) => {
      if (layers instanceof FakeLayers) layers.change(id, { f: "x".repeat(bytes) });
    },
    [Symbol.asyncDispose]: () => ground[Symbol.asyncDispose](),
  };
});
