import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerArchive, type EngineUnderTest, startEngine, starterRecipe } from "@longshore/testkit";
import { expect } from "vitest";
import { finish, type Outcome } from "./docker.ts";

export const MIB: number = 1024 * 1024;

/** An engine whose data root is a file system of its own: what that has free depends on nobody else. */
export class Disk {
  home = "";
  data = "";
  engine: EngineUnderTest | undefined;
  before: readonly string[] = [];

  async open(sizeMib: number, inodes: number, flags: readonly string[] = []): Promise<void> {
    this.home = mkdtempSync(join(tmpdir(), "longshore-full-"));
    this.data = join(this.home, "data");
    mkdirSync(this.data);
    const options = `size=${sizeMib}m,nr_inodes=${inodes}`;
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "longshore-full", this.data]);
    this.engine = await startEngine({ flags: ["--data-root", this.data, ...flags] });
    await this.ok(dockerArchive(starterRecipe()), "load");
    this.before = this.names();
  }

  async close(): Promise<void> {
    await this.engine?.[Symbol.asyncDispose]();
    execFileSync("umount", ["-l", this.data]);
    rmSync(this.home, { recursive: true, force: true });
  }

  /** Takes away what a test filled the disk with. */
  async settle(): Promise<void> {
    rmSync(join(this.data, "ballast"), { recursive: true, force: true });
  }

  /** Leaves `mib` free. */
  fill(mib: number): void {
    const { bavail, bsize } = statfsSync(this.data);
    writeFileSync(join(this.data, "ballast"), Buffer.alloc(Math.max(0, bavail * bsize - mib * MIB)));
  }

  docker(input: Uint8Array | string, ...args: readonly string[]): Promise<Outcome> {
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${this.engine?.socket}`,
      DOCKER_CONFIG: join(this.home, "cli"),
    };
    const child = spawn("docker", args, { env });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    return finish(child);
  }

  /** Expects success. */
  async ok(input: Uint8Array | string, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.docker(input, ...args);
    if (code !== 0) throw new Error(`docker ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return stdout.trim();
  }

  /** Blobs, layers, snapshots and drafts there are. */
  names(): string[] {
    const folders = [
      "blobs/sha256",
      "partial",
      "layers",
      "snapshots",
      "tmp",
      "containers",
      "volumes",
      "trash/volumes",
    ];
    return folders
      .filter((folder) => existsSync(join(this.data, folder)))
      .flatMap((folder) => readdirSync(join(this.data, folder)).map((name) => `${folder}/${name}`));
  }

  /** Files of a container that was removed at its end follow its record a little later. */
  async waitForNothingLeft(): Promise<void> {
    await expect
      .poll(() => this.names().toSorted(), { timeout: 10_000 })
      .toEqual([...this.before].toSorted());
  }

  expectNothingLeft(): void {
    expect(this.names().toSorted()).toEqual([...this.before].toSorted());
  }
}
