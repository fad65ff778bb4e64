import { expect, test, vi } from "vitest";

vi.hoisted(() => vi.stubGlobal("window", { addEventListener: () => undefined, location: { hash: "" } }));
const { adviceFor } = await import("./catalogue.ts");
const { useWorld } = await import("../world/store.ts");

test.each([
  ["Bind for 0.0.0.0:8080 failed: port is already allocated", "port-taken"],
  [
    'Conflict. The container name "/web" is already in use by container "0123456789abcdef". You have to remove it',
    "name-taken",
  ],
  [
    'conflict: unable to remove repository reference "a:1" (must force) - container 0123456789ab is using its referenced image fedcba987654',
    "image-used",
  ],
  ["No such image: harbour/web:9", "image-missing"],
  ["manifest for localhost:5000/a:1 not found: manifest unknown", "manifest-missing"],
  ["pull access denied for a, repository does not exist or may require 'docker login'", "registry-denied"],
  ["dial tcp 127.0.0.1:9: connect: connection refused", "registry-unreachable"],
  ['exec: "nope": executable file not found in $PATH', "program-missing"],
  ["remove data: volume is in use - [0123456789abcdef]", "volume-used"],
  ["error while removing network: network n id 1 has active endpoints", "network-used"],
  ["invalid tar archive: unexpected end of archive", "not-an-archive"],
  ["write /x: no space left on device", "disk-full"],
  ["the sea is rough", "unknown"],
])("adviceFor(%s) is %s", (why, id) => {
  const advice = adviceFor(why);
  expect(advice.id).toBe(id);
  expect(advice.next === "").toBe(id === "unknown");
});

test("adviceFor() leads to the container that holds the port", () => {
  const holder = {
    Id: "a".repeat(64),
    Names: ["/db"],
    Ports: [{ PrivatePort: 80, PublicPort: 8080, Type: "tcp" }],
  };
  useWorld.setState({ containers: [holder] as never });
  const { step } = adviceFor("Bind for 0.0.0.0:8080 failed: port is already allocated");
  expect(step?.label).toBe("Show db");
  step?.run();
  expect(window.location.hash).toBe(`#/containers/${holder.Id}`);
});
