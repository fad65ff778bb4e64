export { FakeCgroups } from "./fake/cgroups.ts";
export { FakeMounts } from "./fake/mounts.ts";
export { fakeLoadRules, FakeNetworkKernel, fakeNetworkThread } from "./fake/network.ts";
