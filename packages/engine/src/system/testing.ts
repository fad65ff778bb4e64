import { silentLogger } from "#kernel";
import { fakeFacts, type FakeGround } from "#testing/containers";
import type { DiskSpace, EngineIdentity, System, TrashSettings } from "./contract.ts";
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
export function fakeSystem(
  { room, images, layers, volumes, events, clock }: FakeGround,
  trash: TrashSettings = { quota: { kind: "share", share: 0.1 }, maxAgeMs: 7 * 24 * 3_600_000 },
  space: () => Promise<DiskSpace> = async () => ({ totalBytes: 1e9, freeBytes: 5e8 }),
): System {
  return openSystem({
    containers: room,
    images,
    layers,
    volumes,
    events,
    space,
    trash,
    log: silentLogger,
    facts: fakeFacts,
    clock,
    identity: FAKE_IDENTITY,
    starter: { reference: "fake/starter:latest", file: "/fake/starter.tar" },
  });
}
