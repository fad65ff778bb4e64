export type * from "./docker.ts";
export type * from "./longshore.ts";
export * from "./bridge.ts";
