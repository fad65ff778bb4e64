export { image } from "./engine-under-test.ts";
export { expect, look, rowOf, test } from "./fixture.ts";
