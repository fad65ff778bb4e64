export * from "./bytes.ts";
export * from "./clock.ts";
export * from "./errors.ts";
export * from "./ids.ts";
export * from "./locks.ts";
export * from "./logger.ts";
export * from "./tasks.ts";
export * from "./programs.ts";
