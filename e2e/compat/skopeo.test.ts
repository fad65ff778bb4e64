import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerArchive } from "@longshore/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker } from "./docker.ts";

const hasSkopeo = spawnSync("skopeo", ["--version"]).status === 0;
let docker: Docker;
let folder = "";
beforeAll(async () => {
  docker = await openDocker();
  folder = mkdtempSync(join(tmpdir(), "longshore-skopeo-"));
  const layers = ["a", "b"].map((name) => [{ name, data: name.repeat(50_000) }]);
  writeFileSync(join(folder, "in.tar"), dockerArchive({ reference: "ls/skopeo:1", layers }));
});
afterAll(async () => {
  await docker[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function skopeo(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("skopeo", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`skopeo ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}
const layersOf = (manifest: string): unknown =>
  (JSON.parse(manifest) as { layers: { digest: string; size: number }[] }).layers.map(({ digest, size }) => [
    digest,
    size,
  ]);

const kinds = [
  ["docker-archive", "none"],
  ["oci-archive", "none"],
  ["oci-archive", "gzip"],
  ["oci-archive", "zstd"],
] as const;
test.skipIf(!hasSkopeo).each(kinds)(
  "load of skopeo's %s with compression %s, and save of it, keep every digest",
  async (transport, compression) => {
    const name = `ls/skopeo:${transport}-${compression}`;
    const archive = join(folder, `${transport}-${compression}.tar`);
    const target = `${transport}:${archive}:${name}`;
    const packing = compression === "none" ? ["--dest-decompress"] : ["--dest-compress-format", compression];
    const flags = transport === "oci-archive" ? ["--format", "oci", ...packing] : [];
    skopeo("copy", "--insecure-policy", ...flags, `docker-archive:${join(folder, "in.tar")}`, target);
    const config = skopeo("inspect", "--config", "--raw", target);
    await docker.ok("load", "-i", archive);
    const inspected = JSON.parse(await docker.ok("inspect", name)) as [
      { Id: string; RootFS: { Layers: string[] } },
    ];
    expect(inspected[0].Id).toBe(`sha256:${createHash("sha256").update(config).digest("hex")}`);
    expect(inspected[0].RootFS.Layers).toEqual(
      (JSON.parse(config) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids,
    );
    if (docker.engine === undefined) return;
    const saved = join(folder, "saved.tar");
    await docker.ok("save", "-o", saved, name);
    const tag = name.slice(name.indexOf(":") + 1);
    const manifest = skopeo("inspect", "--raw", `oci-archive:${saved}:${tag}`);
    expect(skopeo("inspect", "--config", "--raw", `oci-archive:${saved}:${tag}`)).toBe(config);
    if (transport === "oci-archive")
      expect(layersOf(manifest)).toEqual(layersOf(skopeo("inspect", "--raw", target)));
    await docker.ok("rmi", name);
  },
);
