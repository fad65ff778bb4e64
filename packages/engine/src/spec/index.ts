export * from "./digest.ts";
export type * from "./oci-image.ts";
export type * from "./oci-runtime.ts";
export * from "./reference.ts";
