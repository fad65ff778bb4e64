import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDocker, STARTER, until } from "./docker.ts";

const main = join(import.meta.dirname, "../../packages/engine/src/main.ts");
const isPeer = process.env["DOCKER_PEER"] !== undefined;
const runc = ["/usr/sbin/runc", "/usr/bin/runc"].find((path) => existsSync(path));

/** A command that first changes its own view of the machine, and ends by running the rest of its arguments. */
const insideMounts = (script: string): readonly string[] => [
  "unshare",
  "-m",
  "sh",
  "-c",
  `mount --make-rprivate / && ${script} && exec "$@"`,
  "sh",
];

describe.skipIf(isPeer)("a host that lacks something", () => {
  /** Runs the engine's program where `hidden` programs can't be run. */
  function engineWithout(
    hidden: readonly string[],
    ...args: readonly string[]
  ): { status: number | null; text: string } {
    const home = mkdtempSync(join(tmpdir(), "longshore-missing-"));
    const cover = hidden.filter((path) => existsSync(path)).map((path) => `mount --bind /dev/null ${path}`);
    const roots = ["--data-root", join(home, "data"), "--state-root", join(home, "state")];
    const [program = "", ...given] = [
      ...insideMounts(["true", ...cover].join(" && ")),
      process.execPath,
      main,
      ...args,
      ...roots,
    ];
    const { status, stdout, stderr } = spawnSync(program, given, { encoding: "utf8", timeout: 30_000 });
    rmSync(home, { recursive: true, force: true });
    return { status, text: stdout + stderr };
  }
  const runtimes = ["/usr/bin/crun", "/usr/sbin/crun", "/usr/bin/runc", "/usr/sbin/runc"];
  const nft = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"];

  test("the engine refuses to start and names every missing package", () => {
    const { status, text } = engineWithout([...runtimes, ...nft]);
    expect(status).toBe(1);
    expect(text).toContain("neither crun nor runc was found: install the package crun");
    expect(text).toContain("nft was not found: install the package nftables");
    expect(text).not.toMatch(/\n {4}at /);
  });

  test("doctor shows all checks at once and fails", () => {
    const { status, text } = engineWithout([...nft, "/usr/bin/ps", "/bin/ps"], "doctor");
    expect(status).toBe(1);
    expect(text).toMatch(/MISSING nft: nft was not found/);
    expect(text).toMatch(/absent {2}ps: ps was not found/);
    expect(text).toMatch(/ok {6}root: /);
    expect(text).toMatch(/ok {6}cgroups: /);
  });
});

describe.skipIf(isPeer || runc === undefined)("a host with cgroup v2 alone", () => {
  test("runs, freezes, counts, updates and ends containers", async () => {
    // The controllers may all be bound to v1 here: what needs none of them is checked.
    await using docker = await openDocker({
      inside: insideMounts("mount -t cgroup2 none /sys/fs/cgroup"),
      flags: ["--runtime", `runc=${runc}`],
    });
    expect(await docker.ok("info", "--format", "{{.CgroupVersion}}")).toBe("2");
    const name = docker.fresh("v2");
    const count = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done";
    await docker.ok("run", "-d", "--name", name, STARTER, "sh", "-c", count);
    const last = (): Promise<string> => docker.ok("logs", "--tail", "1", name);
    await until("output", async () => (await last()) !== "");
    await docker.ok("pause", name);
    const frozen = await last();
    expect(await docker.ok("ps", "--filter", `name=${name}`, "--format", "{{.Status}}")).toContain(
      "(Paused)",
    );
    expect(await last()).toBe(frozen);
    await docker.ok("unpause", name);
    await until("more output", async () => (await last()) !== frozen);
    expect(await docker.ok("exec", name, "cat", "/proc/self/cgroup")).toContain("0::/");
    expect(await docker.ok("stats", "--no-stream", "--format", "{{.CPUPerc}}", name)).toMatch(/^\d+\.\d\d%$/);
    expect(await docker.ok("top", name)).toContain("sleep 0.02");
    await docker.ok("kill", name);
    expect(await docker.ok("inspect", name, "--format", "{{.State.ExitCode}}")).toBe("137");
    await docker.ok("rm", name);
  });
});
