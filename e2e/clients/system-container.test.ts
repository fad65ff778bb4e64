import { existsSync, readdirSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Docker, openDocker } from "../compat/docker.ts";
import { debianWithSystemd } from "./debian.ts";

/** systemd as a container's first process, on this engine or on the one that DOCKER_PEER names. docs/SYSTEM-CONTAINERS.md lists the flags. */
const isPeer = process.env["DOCKER_PEER"] !== undefined;
const runc = ["/usr/sbin/runc", "/usr/bin/runc"].find((path) => existsSync(path));
const CGROUPS = "/sys/fs/cgroup";
const isUnified = existsSync(`${CGROUPS}/cgroup.controllers`);
const IMAGE = "longshore/debian-systemd";
const BOOT_LIMIT = "120";

let tar = "";
beforeAll(() => {
  tar = debianWithSystemd();
}, 1_200_000);

const importing = async (docker: Docker): Promise<void> => {
  await docker.ok("import", "-c", 'CMD ["/sbin/init"]', tar, IMAGE);
};

/** The system's state when its boot is over; the bus may not be there at once. */
async function booted(docker: Docker, name: string): Promise<string> {
  const wait =
    "while state=$(systemctl is-system-running --wait 2>/dev/null); [ -z $state ]; do sleep 0.2; done; echo $state";
  const { stdout } = await docker("exec", name, "timeout", BOOT_LIMIT, "sh", "-c", wait);
  const failed = await docker("exec", name, "systemctl", "--failed", "--no-legend", "--plain");
  const logs = await docker("logs", name);
  return [stdout, failed.stdout, failed.code === 0 ? "" : logs.stdout].join("").trim();
}

/** Boots with `flags`, uses it as a system, stops it by the signal that systemd ends by, starts it again. */
async function livesAsSystem(docker: Docker, flags: readonly string[]): Promise<void> {
  const name = docker.fresh("system");
  await docker.ok("run", "-d", "--name", name, "--stop-signal", "SIGRTMIN+3", ...flags, IMAGE);
  expect(await booted(docker, name)).toBe("running");
  expect(await docker.ok("exec", name, "cat", "/proc/1/comm")).toBe("systemd");
  expect(await docker.ok("exec", name, "systemctl", "is-active", "multi-user.target")).toBe("active");
  // A service gets a cgroup of its own, can be stopped, and is missed when it fails.
  await docker.ok("exec", name, "systemd-run", "--unit=sleeper", "sleep", "1000");
  expect(await docker.ok("exec", name, "sh", "-c", "cat /proc/$(pidof sleep)/cgroup")).toContain(
    "/system.slice/sleeper.service",
  );
  expect(await docker.ok("top", name)).toContain("sleep 1000");
  await docker.ok("exec", name, "systemctl", "stop", "sleeper");
  expect((await docker("exec", name, "systemd-run", "--wait", "false")).code).toBe(1);
  expect(await docker.ok("exec", name, "systemctl", "is-system-running").catch(String)).toContain("degraded");
  // 137 would mean that it had to be killed after all.
  await docker.ok("stop", "-t", "60", name);
  expect(await docker.ok("inspect", name, "--format", "{{.State.ExitCode}}")).toMatch(/^(0|130)$/);
  await docker.ok("start", name);
  expect(await booted(docker, name)).toBe("running");
  await docker.ok("exec", name, "systemctl", "poweroff");
  expect(await docker.ok("wait", name)).toMatch(/^(0|130)$/);
  await docker.ok("rm", name);
}

describe.skipIf(isUnified)("a host with cgroup v1", () => {
  let docker: Docker;
  beforeAll(async () => {
    docker = await openDocker();
    await importing(docker);
  }, 300_000);
  const before = readdirSync(CGROUPS);
  afterAll(async () => {
    await docker[Symbol.asyncDispose]();
    // With the host's folder writable systemd makes one for each controller that it misses there.
    for (const name of readdirSync(CGROUPS))
      if (!before.includes(name) && !existsSync(`${CGROUPS}/${name}/tasks`))
        rmSync(`${CGROUPS}/${name}`, { recursive: true });
  });

  const run = ["--tmpfs", "/run", "--tmpfs", "/run/lock"];
  const bind = ["-v", `${CGROUPS}:${CGROUPS}:rw`];
  test("systemd boots with the host's cgroups", async () => {
    await livesAsSystem(docker, [...run, "--cgroupns", "host", ...bind]);
  });

  // dockerd asks for every capability, also those that a sandboxed machine has not.
  test.skipIf(isPeer)("systemd boots privileged", async () => {
    await livesAsSystem(docker, [...run, "--privileged", "--cgroupns", "private"]);
  });

  // Docker 20.10 doesn't know the option.
  test.skipIf(isPeer)("systemd boots with cgroups of its own, unprivileged", async () => {
    const option = ["--security-opt", "writable-cgroups=true"];
    await livesAsSystem(docker, [...run, "--cgroupns", "private", ...option]);
  });
});

describe.skipIf(isPeer || runc === undefined)("a host with cgroup v2 alone", () => {
  test.each([
    ["on /run and a cgroup namespace", "nsdelegate", ["--tmpfs", "/run", "--cgroupns", "private"]],
    [
      "and writable-cgroups where the kernel doesn't guard limits",
      "rw",
      ["--tmpfs", "/run", "--tmpfs", "/run/lock", "--security-opt", "writable-cgroups=true"],
    ],
  ])("systemd boots with a tmpfs %s", async (_, options, flags) => {
    await using docker = await openDocker({
      inside: [
        "unshare",
        "-m",
        "sh",
        "-c",
        `mount --make-rprivate / && mount -t cgroup2 -o ${options} none /sys/fs/cgroup && exec "$@"`,
        "sh",
      ],
      flags: ["--runtime", `runc=${runc}`],
    });
    await importing(docker);
    await livesAsSystem(docker, flags);
  });
});
