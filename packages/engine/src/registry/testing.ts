export { FakeRegistry, type FakeFaults, type FakeRequest } from "./fake-registry.ts";
