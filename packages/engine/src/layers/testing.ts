export { FakeLayers } from "./fake-layers.ts";
export { archive, file, folder, link, once, plain } from "./test-archives.ts";
