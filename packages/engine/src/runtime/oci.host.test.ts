import { existsSync } from "node:fs";
import path from "node:path";
import { silentLogger, systemClock } from "#kernel";
import { runtimeConformance } from "./conformance.ts";
import { RuntimeGround } from "./host-fixture.ts";
import { openRuntime } from "./runtime.ts";

const found = ["/usr/bin/crun", "/usr/sbin/crun", "/usr/sbin/runc", "/usr/bin/runc"]
  .filter(
    (file, index, all) =>
      existsSync(file) &&
      all.findIndex((other) => path.basename(other) === path.basename(file) && existsSync(other)) === index,
  )
  .map((file) => ({ name: path.basename(file), path: file }));

for (const runtime of found)
  runtimeConformance(runtime.name, async () => {
    const ground = new RuntimeGround();
    const { stateRoot, dataRoot } = ground;
    return {
      open: (signal) =>
        openRuntime({ stateRoot, dataRoot, runtime, log: silentLogger, clock: systemClock }, signal),
      spec: (args, stdio) => ground.spec(args, stdio),
      output: (id) => ground.output(id),
      [Symbol.asyncDispose]: () => ground[Symbol.asyncDispose](),
    };
  });
