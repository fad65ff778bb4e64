export type * from "./contract.ts";
export { openRuntime, type RuntimeDeps } from "./runtime.ts";
