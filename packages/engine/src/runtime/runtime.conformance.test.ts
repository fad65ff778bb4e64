import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { randomId } from "#kernel";
import { fakePrograms, runtimeConformance } from "./conformance.ts";
import { FakeMachine, loggedText } from "./testing.ts";

runtimeConformance("the fake", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "longshore-fake-runtime-"));
  const machine = new FakeMachine(fakePrograms);
  const logDirectory = (id: string): string => path.join(folder, id);
  return {
    open: async () => machine.open(),
    spec: (args, stdio = {}) => {
      const id = randomId();
      return {
        id,
        document: {
          ociVersion: "1.0.2",
          process: { terminal: false, user: { uid: 0, gid: 0 }, args, env: [], cwd: "/" },
          root: { path: "rootfs", readonly: false },
          mounts: [],
          linux: { namespaces: [], cgroupsPath: `/fake/${id}`, resources: {} },
        },
        root: { kind: "overlay", lowers: [folder] },
        stdio: { hasTty: false, hasStdin: false, ...stdio },
        logDirectory: logDirectory(id),
      };
    },
    output: (id) => loggedText(logDirectory(id)),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
});
