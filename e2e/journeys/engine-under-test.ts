import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Readable } from "node:stream";
import { Docker, jsonLines, Transport } from "@longshore/client";
import type { ProgressLine } from "@longshore/protocol";

export const image = "journey:1";
const applets = "sh ls cat sleep echo seq id stty true clear httpd mkdir rm tr dd wc printf kill test".split(
  " ",
);
const label = { "longshore.journey": "1" };
const root = join(import.meta.dirname, "../..");

/** The engine behind the window, and the truth that each journey asks. */
export interface EngineUnderTest extends AsyncDisposable {
  readonly docker: Docker;
  readonly socketPath: string;
  readonly isLongshore: boolean;
  /** Where it keeps its data; unknown of an engine that was given. */
  readonly dataRoot: string | undefined;
  /** Makes and starts a container that the journey owns. */
  run(name: string, command: readonly string[], more?: object): Promise<string>;
  /** Removes every container that journeys made, and empties the trash. */
  clean(): Promise<void>;
}

/** LONGSHORE_E2E_SOCKET names a running engine; without it, or with flags of its own, ours starts in folders of its own. */
export async function openEngine(flags: readonly string[] = []): Promise<EngineUnderTest> {
  const given = flags.length > 0 ? undefined : process.env["LONGSHORE_E2E_SOCKET"];
  const folder = mkdtempSync(join(tmpdir(), "longshore-e2e-"));
  const socketPath = given ?? join(folder, "engine.sock");
  const child = given === undefined ? startEngine(folder, socketPath, flags) : undefined;
  const docker = new Docker({ socketPath });
  await answers(docker, folder, child);
  const isLongshore = await docker.longshore.starter().then(
    () => true,
    () => false,
  );
  await importImage(socketPath, folder);
  const clean = async (): Promise<void> => {
    for (const row of await docker.listContainers({ all: true, filters: { label: ["longshore.journey"] } }))
      await docker.getContainer(row.Id).remove({ force: true, v: true });
    if (isLongshore) await docker.longshore.emptyTrash();
  };
  await clean();
  return {
    docker,
    socketPath,
    isLongshore,
    dataRoot: given === undefined ? join(folder, "data") : undefined,
    clean,
    run: async (name, command, more = {}) => {
      const container = await docker.createContainer({
        name,
        Image: image,
        Cmd: command,
        Labels: label,
        HostConfig: { NetworkMode: "none" },
        ...more,
      });
      await container.start();
      return container.id;
    },
    [Symbol.asyncDispose]: async () => {
      await clean().catch(() => undefined);
      if (child !== undefined && child.exitCode === null) {
        child.kill("SIGTERM");
        await Promise.race([once(child, "exit"), sleep(10_000).then(() => child.kill("SIGKILL"))]);
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function startEngine(folder: string, socketPath: string, flags: readonly string[]): ChildProcess {
  const log = openSync(join(folder, "engine.log"), "w");
  return spawn(
    join(root, "node_modules/.bin/node"),
    [
      join(root, "packages/engine/src/main.ts"),
      "--socket",
      socketPath,
      "--data-root",
      join(folder, "data"),
      "--state-root",
      join(folder, "state"),
      "--insecure-registry",
      "127.0.0.0/8",
      ...flags,
    ],
    { stdio: ["ignore", log, log] },
  );
}

async function answers(docker: Docker, folder: string, child: ChildProcess | undefined): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await docker.ping();
      return;
    } catch (error) {
      if (attempt < 200 && child?.exitCode == null) await sleep(100);
      else {
        const log = join(folder, "engine.log");
        throw new Error(
          `the engine does not answer: ${existsSync(log) ? readFileSync(log, "utf8").slice(-2000) : ""}`,
          {
            cause: error,
          },
        );
      }
    }
  }
}

/** A small image from the machine's own static busybox, imported through the API. */
async function importImage(socketPath: string, folder: string): Promise<void> {
  const tree = join(folder, "image");
  mkdirSync(join(tree, "bin"), { recursive: true });
  mkdirSync(join(tree, "etc"));
  copyFileSync("/bin/busybox", join(tree, "bin/busybox"));
  for (const name of applets) symlinkSync("busybox", join(tree, "bin", name));
  writeFileSync(join(tree, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(tree, "etc/motd"), "harbour master\n");
  const tar = spawnSync("tar", ["-cf", "-", "-C", tree, "."], { maxBuffer: 64 * 1024 * 1024 }).stdout;
  const [repo = "", tag = ""] = image.split(":");
  const answer = await new Transport({ socketPath }).stream({
    method: "POST",
    path: "/images/create",
    query: { fromSrc: "-", repo, tag },
    stream: Readable.from([tar]),
    headers: { "Content-Type": "application/x-tar" },
  });
  for await (const line of jsonLines<ProgressLine>(answer))
    if (line.error !== undefined) throw new Error(line.error);
}
