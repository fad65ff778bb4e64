import { mkdtempSync, rmSync, mkdirSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, linesOf, openDocker, raw, STARTER } from "./docker.ts";

/** Settings that the docker CLI has no flag for, or that it would not show: given by the API, seen in the container. */
let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

/** Makes a container and answers its id and the warnings; throws with the API's words. */
async function create(body: object): Promise<{ id: string; warnings: readonly string[] }> {
  const answer = await send("POST", "/containers/create", { Image: STARTER, ...body });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.message}`);
  const { Id, Warnings } = JSON.parse(answer.message) as { Id: string; Warnings: readonly string[] };
  return { id: Id, warnings: Warnings };
}

async function send(method: string, path: string, body: object): ReturnType<typeof raw> {
  return raw(docker.socket, method, path, JSON.stringify(body));
}

/** What a container of these settings writes. */
async function outputOf(body: object): Promise<string> {
  const { id } = await create(body);
  return docker.ok("start", "-a", id);
}

test("devices by their abilities are refused at start, in Docker's words", async () => {
  const { id } = await create({
    Cmd: ["true"],
    HostConfig: { DeviceRequests: [{ Count: -1, Capabilities: [["gpu"]] }] },
  });
  expect(await send("POST", `/containers/${id}/start`, {})).toMatchObject({
    status: 400,
    message: 'could not select device driver "" with capabilities: [[gpu]]',
  });
  expect(await docker.ok("inspect", id, "--format", "{{.State.Status}} {{.State.ExitCode}}")).toBe(
    "created 128",
  );
});

test("a container without a network has loopback alone", async () => {
  expect(await outputOf({ Cmd: ["ls", "/sys/class/net"], NetworkDisabled: true })).toBe("lo");
});

const readPorts = "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range";

test("anybody in a container may listen on low ports and send echo requests, unless its sysctls say otherwise", async () => {
  const asNobody = ["run", "--rm", "--user", "65534"];
  expect(
    await docker.ok(...asNobody, STARTER, "sh", "-c", `${readPorts}; timeout 1 nc -l -p 80; echo $?`),
  ).toBe("0\n0\t2147483647\n143");
  expect(await docker.ok(...asNobody, "--network", "none", STARTER, "sh", "-c", readPorts)).toBe(
    "0\n0\t2147483647",
  );
  const own = ["--sysctl", "net.ipv4.ip_unprivileged_port_start=1000"];
  expect(await docker.ok(...asNobody, ...own, STARTER, "sh", "-c", readPorts)).toBe("1000\n0\t2147483647");
});

/** A folder of the host with a mount below it. */
function withMountBelow(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "longshore-below-"));
  mkdirSync(join(path, "below"));
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", join(path, "below")]);
  return {
    path,
    [Symbol.dispose]: () => {
      execFileSync("umount", [join(path, "below")]);
      rmSync(path, { recursive: true });
    },
  };
}

test.for([
  ["read-only to the mounts below", {}, "top no, below no, mounted yes"],
  ["read-only at its top alone", { ReadOnlyNonRecursive: true }, "top no, below yes, mounted yes"],
  ["without the mounts below", { NonRecursive: true }, "top no, below no, mounted no"],
] as const)("a bind can be %s", async ([, BindOptions, seen]) => {
  using folder = withMountBelow();
  const probe =
    "w() { touch $1/probe 2>/dev/null && echo yes || echo no; }; " +
    'm=$(grep -q " /m/below " /proc/mounts && echo yes || echo no); ' +
    'echo "top $(w /m), below $(w /m/below), mounted $m"';
  const output = await outputOf({
    Cmd: ["sh", "-c", probe],
    HostConfig: {
      Mounts: [{ Type: "bind", Source: folder.path, Target: "/m", ReadOnly: true, BindOptions }],
    },
  });
  expect(output).toBe(seen);
});

test("mounts pass into a container and out of it as far as its bind's propagation says", async () => {
  const path = mkdtempSync(join(tmpdir(), "longshore-shared-"));
  const mounted = (...args: readonly string[]): void => void execFileSync("mount", args);
  mounted("-t", "tmpfs", "tmpfs", path);
  try {
    mkdirSync(join(path, "outer"));
    mkdirSync(join(path, "inner"));
    const start = async (propagation: string): Promise<string> =>
      docker.ok(
        "run",
        "-d",
        "--cap-add",
        "SYS_ADMIN",
        "--security-opt",
        "seccomp=unconfined",
        "--mount",
        `type=bind,src=${path},dst=/m,bind-propagation=${propagation}`,
        STARTER,
        "sleep",
        "1000",
      );
    mounted("--make-private", path);
    await expect(start("rshared")).rejects.toThrow(
      `path ${path} is mounted on ${path} but it is not a shared mount`,
    );
    await expect(start("slave")).rejects.toThrow("but it is not a shared or slave mount");
    mounted("--make-shared", path);
    const seen: Record<string, readonly boolean[]> = {};
    for (const propagation of ["rprivate", "rslave", "rshared"]) {
      const id = await start(propagation);
      mounted("-t", "tmpfs", "tmpfs", join(path, "outer"));
      await docker.ok("exec", id, "mount", "-t", "tmpfs", "tmpfs", "/m/inner");
      const inside = await docker.ok("exec", id, "cat", "/proc/self/mountinfo");
      const outside = linesOf("/proc/self/mountinfo").join("\n");
      seen[propagation] = [inside.includes(" /m/outer "), outside.includes(` ${join(path, "inner")} `)];
      for (const name of ["outer", ...(seen[propagation][1] ? ["inner"] : [])])
        execFileSync("umount", [join(path, name)]);
      await docker.ok("rm", "-f", id);
    }
    expect(seen).toEqual({ rprivate: [false, false], rslave: [true, false], rshared: [true, true] });
  } finally {
    execFileSync("umount", ["-R", path]);
    rmSync(path, { recursive: true });
  }
});

test("nothing is copied into what the container may only read, also while it stands still", async () => {
  const [volume, name] = [docker.fresh("volume"), docker.fresh("reads")];
  await docker.ok("run", "--rm", "-v", `${volume}:/v`, STARTER, "sh", "-c", "echo old > /v/file");
  const mounts = ["-v", `${volume}:/v:ro`, "-v", `${docker.fresh("volume")}:/w`];
  await docker.ok("create", "--name", name, "--read-only", ...mounts, STARTER, "sleep", "1000");
  const copied = async (place: string): Promise<string> =>
    (await docker("cp", "/etc/hostname", `${name}:${place}`)).stderr.trim();
  for (const when of ["stopped", "running"]) {
    if (when === "running") await docker.ok("start", name);
    expect([when, await copied("/v/")]).toEqual([
      when,
      "Error response from daemon: mounted volume is marked read-only",
    ]);
    expect(await copied("/etc/")).toBe("Error response from daemon: container rootfs is marked read-only");
    expect(await copied("/w/hostname")).not.toContain("Error");
    const around = `/containers/${name}/archive?path=${encodeURIComponent("/w/../etc")}`;
    expect(await raw(docker.socket, "PUT", around, "", {})).toMatchObject({ status: 403 });
  }
  expect(await docker.ok("exec", name, "ls", "/v", "/w")).toBe("/v:\nfile\n\n/w:\nhostname");
  // A link that leads there is no way around.
  await docker.ok("exec", name, "ln", "-s", "/v", "/w/door");
  for (const when of ["running", "stopped"]) {
    if (when === "stopped") await docker.ok("stop", "-t", "0", name);
    expect([when, (await docker("cp", "/etc/hostname", `${name}:/w/door/x`)).code]).toEqual([when, 1]);
  }
  expect(await docker.ok("run", "--rm", "-v", `${volume}:/v`, STARTER, "ls", "/v")).toBe("file");
  await docker.ok("rm", "-f", name);
});

test("a file is no folder, whatever the slash at its end says", async () => {
  const id = await docker.ok("create", STARTER, "true");
  expect((await docker("cp", "/etc/hostname", `${id}:/etc/passwd/`)).stderr).toContain("no such directory");
  await docker.ok("cp", "/etc/hostname", `${id}:/etc/`);
});

test("a subpath of a volume stays in the volume, whatever its links say", async () => {
  const volume = docker.fresh("volume");
  await docker.ok(
    "run",
    "--rm",
    "-v",
    `${volume}:/v`,
    STARTER,
    "sh",
    "-c",
    "mkdir -p /v/a/b; echo inside > /v/a/b/file; ln -s /etc /v/out; ln -s a /v/in",
  );
  const at = (Subpath: string): object => ({
    Cmd: ["cat", "/m/file"],
    HostConfig: {
      Mounts: [{ Type: "volume", Source: volume, Target: "/m", VolumeOptions: { Subpath } }],
    },
  });
  expect(await outputOf(at("a/b"))).toBe("inside");
  expect(await outputOf(at("in/b"))).toBe("inside");
  await expect(create(at("../x"))).rejects.toThrow("subpath must be a relative path within the volume");
  await expect(outputOf(at("out"))).rejects.toThrow("leads out of the volume");
  const { id } = await create(at("out"));
  expect((await docker("cp", `${id}:/m/hostname`, "-")).stderr).toContain("leads out of the volume");
  await expect(outputOf(at("nosuch"))).rejects.toThrow("cannot access path nosuch");
});

test("the endpoint of the highest priority gives the default route; an endpoint's options name and set its interface", async () => {
  const [first, second] = [docker.fresh("net"), docker.fresh("net")];
  await docker.ok("network", "create", first);
  const gateway = "10.219.7.1";
  await docker.ok("network", "create", second, "--subnet", "10.219.7.0/24", "--gateway", gateway);
  const output = await outputOf({
    Cmd: ["sh", "-c", "ip route show default; cat /proc/sys/net/ipv4/conf/lan.7/log_martians"],
    HostConfig: { NetworkMode: first },
    NetworkingConfig: {
      EndpointsConfig: {
        [first]: {},
        [second]: {
          GwPriority: 10,
          DriverOpts: {
            "com.docker.network.endpoint.ifname": "lan.7",
            "com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1",
          },
        },
      },
    },
  });
  expect(output).toContain(`default via ${gateway} dev lan.7`);
  expect(output).toMatch(/\n1$/);
});

test("limits that this kernel lacks are left out with a warning, and the container runs", async () => {
  const { id, warnings } = await create({
    Cmd: ["true"],
    HostConfig: { KernelMemory: 64 << 20, CpuPercent: 10 },
  });
  expect(warnings).toHaveLength(2);
  await docker.ok("start", "-a", id);
});

test("an image of another platform is not found", async () => {
  const platform = encodeURIComponent(JSON.stringify({ os: "linux", architecture: "s390x" }));
  for (const path of [`/images/${STARTER}/json`, `/images/${STARTER}/history`, `/images/${STARTER}/get`])
    expect(await raw(docker.socket, "GET", `${path}?platform=${platform}`)).toMatchObject({
      status: 404,
      message: expect.stringContaining("does not match the specified platform (linux/s390x)"),
    });
  expect(await raw(docker.socket, "DELETE", `/images/${STARTER}?platforms=${platform}`)).toMatchObject({
    status: 404,
  });
});
