import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "@longshore/testkit";
import type { Peer } from "./peers.ts";

/** A docker-registry on a peer's own loopback, so that each peer reaches it the same way. */
export interface PeerRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
}

/** Serves what lies in `storage`, which several registries may share as long as nobody writes. */
export async function openRegistry(peer: Peer, folder: string, storage: string): Promise<PeerRegistry> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const file = join(folder, `registry-${port}.json`);
  mkdirSync(storage, { recursive: true });
  writeFileSync(
    file,
    JSON.stringify({
      version: 0.1,
      log: { level: "error" },
      storage: { filesystem: { rootdirectory: storage } },
      http: { addr: host },
    }),
  );
  const [program, ...args] = [...peer.within, "docker-registry", "serve", file];
  const child = spawn(program, args, { stdio: "ignore" });
  const registry = { host, [Symbol.asyncDispose]: () => end(child) };
  if (!answers(peer, host)) {
    await end(child);
    throw new Error(`bench: docker-registry didn't start beside ${peer.name}`);
  }
  return registry;
}

function answers(peer: Peer, host: string): boolean {
  const look = `for (let i = 0; i < 200; i++) {
    if ((await fetch("http://${host}/v2/").catch(() => undefined))?.ok) process.exit(0);
    await new Promise((done) => setTimeout(done, 50));
  }
  process.exit(1);`;
  const [program, ...args] = [...peer.within, process.execPath, "--input-type=module", "-e", look];
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  child.kill("SIGKILL");
  await gone;
}
