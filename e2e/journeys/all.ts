export { image, type EngineUnderTest } from "./engine-under-test.ts";
export { expect, look, rowOf, test } from "./fixture.ts";
