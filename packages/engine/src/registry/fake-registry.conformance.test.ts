import { registryConformance, CHUNK_BYTES } from "./conformance.ts";
import { FakeRegistry } from "./testing.ts";

registryConformance("the fake", async ({ users, cutAfterBytes }) => {
  const registry = new FakeRegistry({
    chunkBytes: CHUNK_BYTES,
    ...(users !== undefined && { users }),
    faults: { cutAfterBytes },
  });
  return {
    registry,
    host: "registry.test",
    offsets: () =>
      registry.requests.flatMap(({ action, fromByte = 0 }) => (action === "blob" ? [fromByte] : [])),
    spoil: (digest, bytes) => registry.spoil(digest, bytes),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
});
