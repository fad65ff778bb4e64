export { type Authority, type Issued, makeAuthority } from "./authority.ts";
export { busyboxLayer, starterRecipe } from "./busybox.ts";
export { type EngineOptions, type EngineUnderTest, startEngine } from "./engine.ts";
export { dockerArchive, imageIdOf, type ImageRecipe, type LayoutFault, ociLayout } from "./images.ts";
export { fuzzed } from "./fuzz.ts";
export { type Gate, type GateOptions, startGate } from "./registry-gate.ts";
export { difference } from "./inventory.ts";
export { freePort, type Registry, startRegistry } from "./registry.ts";
export { tarOf, type TarEntry } from "./tar.ts";
