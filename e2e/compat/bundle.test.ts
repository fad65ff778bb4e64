import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { openDocker, STARTER } from "./docker.ts";

const root = join(import.meta.dirname, "../..");

test.skipIf(process.env["DOCKER_PEER"])(
  "the bundle that is shipped runs with a Node, threads and a monitor of its own",
  async () => {
    await promisify(execFile)(process.execPath, [join(root, "tools/build-engine.ts")]);
    const folder = join(root, "build/engine");
    await using docker = await openDocker({ program: [join(folder, "node"), join(folder, "main.js")] });
    const scratch = await mkdtemp(join(tmpdir(), "longshore-bundle-"));
    try {
      const [network, server] = [docker.fresh("net"), docker.fresh("server")];
      await docker.ok("network", "create", network);
      await docker.ok("run", "-d", "--name", server, "--network", network, STARTER, "sleep", "600");
      // The name is answered by the DNS thread, the namespaces are the network thread's.
      expect(
        await docker.ok("run", "--rm", "--network", network, STARTER, "ping", "-c", "1", server),
      ).toContain("1 packets received");
      await writeFile(join(scratch, "in"), "through the archive thread");
      await docker.ok("cp", join(scratch, "in"), `${server}:/in`);
      await docker.ok("cp", `${server}:/in`, join(scratch, "out"));
      expect(await readFile(join(scratch, "out"), "utf8")).toBe("through the archive thread");
      expect(await readFile(join(folder, "starter.tar"))).toEqual(
        await readFile(join(root, ".cache/starter.tar")),
      );
    } finally {
      await rm(scratch, { recursive: true });
    }
  },
);
