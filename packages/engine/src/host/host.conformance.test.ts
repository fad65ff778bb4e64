import { cgroupsConformance, mountsConformance, networkConformance } from "./conformance.ts";
import { FakeCgroups, fakeLoadRules, FakeMounts, FakeNetworkKernel, fakeNetworkThread } from "./testing.ts";

networkConformance("the fake", async () => {
  const kernel = new FakeNetworkKernel();
  const thread = fakeNetworkThread(kernel);
  return {
    thread,
    loadRules: fakeLoadRules(kernel),
    folder: "/nowhere",
    elements: async (table, set) => kernel.tables.elements(table, set),
    portsOf: async (bridge) => kernel.portsOf(bridge),
    gatewaysOf: async (file) => kernel.gatewaysOf(file),
    addressesOf: async (file, name) => kernel.addressesOf(file, name),
    [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
  };
});

mountsConformance("the fake", () => new FakeMounts());

cgroupsConformance("the fake", async () => {
  const cgroups = new FakeCgroups();
  let pid = 100;
  return {
    cgroups,
    path: "/lsht",
    create: async (name, limits) => cgroups.create(name, limits),
    start: async (name) => {
      cgroups.join(name, ++pid);
      return pid;
    },
    end: async (one) => cgroups.leave(one),
    isFrozen: async (name) => cgroups.isFrozen(name),
    [Symbol.asyncDispose]: async () => {},
  };
});
