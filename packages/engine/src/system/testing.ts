import type { FakeGround } from "#testing/containers";
import type { EngineIdentity, System } from "./contract.ts";
import { openSystem } from "./index.ts";

export const FAKE_IDENTITY: EngineIdentity = {
  id: "fake-engine",
  version: "1.2.3",
  warnings: [],
  authorizationPlugins: [],
  dataRoot: "/fake/data",
  runtimeName: "fake",
  runtimeVersion: "4.5.6",
  insecureRegistries: ["10.0.0.0/8", "registry.test:5000"],
  mirrors: ["https://mirror.test/"],
  proxies: { http: "http://xxxxx:xxxxx@proxy.test:3128", https: "", no: "internal.test" },
};

/** The real room over rooms on fakes. */
export function fakeSystem({ room, images, layers, volumes, events, clock }: FakeGround): System {
  return openSystem({
    containers: room,
    images,
    layers,
    volumes,
    events,
    space: async () => ({ totalBytes: 1_000_000, freeBytes: 500_000 }),
    clock,
    identity: FAKE_IDENTITY,
    starter: { reference: "fake/starter:latest", file: "/fake/starter.tar" },
  });
}
