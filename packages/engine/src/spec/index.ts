export * from "./digest.ts";
export * from "./log-format.ts";
export * from "./oci-image.ts";
export type * from "./oci-runtime.ts";
export * from "./platform.ts";
export * from "./reference.ts";
export * from "./tar-reader.ts";
export * from "./tar-stream.ts";
export * from "./tar-writer.ts";
