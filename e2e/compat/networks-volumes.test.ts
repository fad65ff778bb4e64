import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "@longshore/testkit";
import { type Docker, openDocker, STARTER, until } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

test("containers on the default bridge reach each other by address, and a user-defined one adds names", async () => {
  const [network, web] = [docker.fresh("net"), docker.fresh("web")];
  await docker.ok("network", "create", "--label", "a=b", network);
  expect(await docker.ok("network", "inspect", network, "--format", "{{.Driver}} {{.Labels.a}}")).toBe(
    "bridge b",
  );
  await docker.ok("run", "-d", "--name", web, "--network", network, "--network-alias", "site", STARTER);
  const get = (host: string): Promise<string> =>
    docker.ok("run", "--rm", "--network", network, STARTER, "wget", "-qO-", `http://${host}:8080/`);
  expect(await get(web)).toContain("It runs");
  expect(await get("site")).toContain("It runs");
  const busy = await docker("network", "rm", network);
  expect(busy.code).toBe(1);
  expect(busy.stderr).toContain("has active endpoints");
  await docker.ok("rm", "-f", web);
  expect(await docker.ok("network", "rm", network)).toBe(network);
});

test("connect and disconnect move a running container between networks", async () => {
  const [network, name] = [docker.fresh("second"), docker.fresh("mover")];
  await docker.ok("network", "create", network);
  await docker.ok("run", "-d", "--name", name, STARTER, "sleep", "60");
  await docker.ok("network", "connect", "--alias", "m", network, name);
  const count = async (): Promise<string> =>
    docker.ok("exec", name, "sh", "-c", "ls /sys/class/net | grep -c eth");
  expect(await count()).toBe("2");
  await docker.ok("network", "disconnect", network, name);
  expect(await count()).toBe("1");
  await docker.ok("rm", "-f", name);
  await docker.ok("network", "rm", network);
});

test("a subnet, a gateway and a fixed address are kept", async () => {
  const [network, name] = [docker.fresh("fixed"), docker.fresh("fixed")];
  await docker.ok("network", "create", "--subnet", "10.251.7.0/24", "--gateway", "10.251.7.1", network);
  await docker.ok(
    "run",
    "-d",
    "--name",
    name,
    "--network",
    network,
    "--ip",
    "10.251.7.9",
    STARTER,
    "sleep",
    "60",
  );
  expect(await docker.ok("exec", name, "ip", "-4", "addr", "show", "eth0")).toContain("10.251.7.9/24");
  expect(await docker.ok("exec", name, "ip", "route")).toContain("default via 10.251.7.1");
  await docker.ok("rm", "-f", name);
  await docker.ok("network", "rm", network);
});

test("-p publishes on an address of the host, and port and ps show it", async () => {
  const [name, port] = [docker.fresh("port"), await freePort()];
  await docker.ok("run", "-d", "--name", name, "-p", `127.0.0.1:${port}:8080`, STARTER);
  expect(await docker.ok("port", name)).toBe(`8080/tcp -> 127.0.0.1:${port}`);
  expect(await docker.ok("ps", "--filter", `name=${name}`, "--format", "{{.Ports}}")).toBe(
    `127.0.0.1:${port}->8080/tcp`,
  );
  const page = await until("the page", async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    return answer?.text();
  });
  expect(page).toContain("It runs");
  const clash = await docker("run", "--rm", "-p", `127.0.0.1:${port}:8080`, STARTER, "true");
  expect(clash.code).toBe(125);
  expect(clash.stderr).toMatch(/port is already allocated|address already in use/);
  await docker.ok("rm", "-f", name);
});

test("-p takes udp and ranges, -P picks free ports", async () => {
  const [name, all] = [docker.fresh("ranges"), docker.fresh("all")];
  const base = 20_000 + (process.pid % 20_000);
  await docker.ok(
    "run",
    "-d",
    "--name",
    name,
    "-p",
    `${base}-${base + 1}:7000-7001/udp`,
    STARTER,
    "sleep",
    "60",
  );
  const ports = await docker.ok("port", name);
  expect(ports).toContain(`7000/udp -> 0.0.0.0:${base}`);
  expect(ports).toContain(`7001/udp -> 0.0.0.0:${base + 1}`);
  await docker.ok("run", "-d", "--name", all, "-P", STARTER);
  expect(await docker.ok("port", all, "8080")).toMatch(/^0\.0\.0\.0:\d+/);
  await docker.ok("rm", "-f", name, all);
});

test("--network none, host and container: give what they say", async () => {
  const owner = docker.fresh("owner");
  expect(await docker.ok("run", "--rm", "--network", "none", STARTER, "ls", "/sys/class/net")).toBe("lo");
  await docker.ok("run", "-d", "--name", owner, STARTER);
  const shared = ["run", "--rm", "--network", `container:${owner}`, STARTER];
  await until(
    "the server",
    async () => (await docker(...shared, "wget", "-qO-", "http://127.0.0.1:8080/")).code === 0,
  );
  const link = ["run", "--rm", "--network", "host", STARTER, "readlink", "/proc/self/ns/net"];
  const [first, second] = [await docker.ok(...link), await docker.ok(...link)];
  expect(first).toBe(second);
  await docker.ok("rm", "-f", owner);
});

test("named, anonymous and bind volumes keep what is written; a new named one is filled from the image", async () => {
  const [volume, name] = [docker.fresh("vol"), docker.fresh("anon")];
  await docker.ok("volume", "create", "--label", "k=v", volume);
  await docker.ok("run", "--rm", "-v", `${volume}:/www`, STARTER, "sh", "-c", "echo kept > /www/note");
  const listed = await docker.ok("run", "--rm", "-v", `${volume}:/x:ro`, STARTER, "ls", "/x");
  expect(listed.split("\n")).toEqual(["index.html", "note"]);
  const refused = await docker("run", "--rm", "-v", `${volume}:/x:ro`, STARTER, "touch", "/x/y");
  expect(refused.stderr).toContain("Read-only file system");
  expect(await docker.ok("volume", "ls", "-q", "--filter", "label=k=v")).toContain(volume);
  await docker.ok("create", "--name", name, "-v", `${volume}:/x`, "-v", "/anonymous", STARTER);
  const inUse = await docker("volume", "rm", volume);
  expect(inUse.code).toBe(1);
  expect(inUse.stderr).toContain("volume is in use");
  const anonymous = await docker.ok(
    "inspect",
    name,
    "--format",
    '{{range .Mounts}}{{if eq .Destination "/anonymous"}}{{.Name}}{{end}}{{end}}',
  );
  expect(anonymous).toMatch(/^[0-9a-f]{64}$/);
  await docker.ok("rm", "-v", name);
  expect((await docker("volume", "inspect", anonymous)).code).toBe(1);
  expect(await docker.ok("volume", "rm", volume)).toBe(volume);
});

test("a bind mount shows the host's folder, --mount refuses a missing one", async () => {
  const { mkdtempSync, readFileSync, rmSync } = await import("node:fs");
  const folder = mkdtempSync("/tmp/longshore-bind-");
  try {
    await docker.ok("run", "--rm", "-v", `${folder}:/b`, STARTER, "sh", "-c", "echo in > /b/file");
    expect(readFileSync(`${folder}/file`, "utf8")).toBe("in\n");
    const missing = await docker(
      "run",
      "--rm",
      "--mount",
      `type=bind,src=${folder}/no,dst=/b`,
      STARTER,
      "true",
    );
    expect(missing.code).toBe(125);
    expect(missing.stderr).toContain("bind source path does not exist");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("networks that a container cannot have beside its own are refused, stopped and running", async () => {
  const network = docker.fresh("net");
  await docker.ok("network", "create", network);
  const made = async (mode: string): Promise<string> => {
    const name = docker.fresh("member");
    await docker.ok("create", "--name", name, "--network", mode, STARTER, "sleep", "1000");
    return name;
  };
  const own = await made("bridge");
  await docker.ok("start", own);
  const refusals = [
    [await made("host"), network, "container sharing network namespace with another container or host"],
    [await made(`container:${own}`), network, "container sharing network namespace with another container"],
    [
      await made("none"),
      network,
      "container cannot be connected to multiple networks with one of the networks",
    ],
    [await made("bridge"), "host", "cannot connect container to host network - container must be created"],
    [own, "none", "container cannot be connected to multiple networks with one of the networks in private"],
  ] as const;
  for (const [name, wanted, why] of refusals)
    expect((await docker("network", "connect", wanted, name)).stderr).toContain(why);
  const [host] = refusals[0];
  expect((await docker("network", "disconnect", "host", host)).stderr).toContain(
    "cannot disconnect container from host network - container was created in host network mode",
  );
});

test("a container that was made without a network can be given one, before and while it runs", async () => {
  const network = docker.fresh("net");
  await docker.ok("network", "create", network);
  for (const isRunning of [false, true]) {
    const name = docker.fresh("member");
    const links = async (): Promise<string> => docker.ok("exec", name, "ls", "/sys/class/net");
    await docker.ok("create", "--name", name, "--network", "none", STARTER, "sleep", "1000");
    if (isRunning) {
      await docker.ok("start", name);
      expect(await links()).toBe("lo");
    }
    await docker.ok("network", "disconnect", "none", name);
    await docker.ok("network", "connect", network, name);
    if (!isRunning) await docker.ok("start", name);
    expect(await links()).toBe("eth0\nlo");
    await docker.ok("restart", "-t", "0", name);
    expect(await links()).toBe("eth0\nlo");
    await docker.ok("rm", "-f", name);
  }
});

test("to connect a stopped container to a network that it is on already changes nothing", async () => {
  const [network, name] = [docker.fresh("net"), docker.fresh("member")];
  await docker.ok("network", "create", network);
  await docker.ok("create", "--name", name, "--network", network, STARTER, "sleep", "1000");
  await docker.ok("network", "connect", network, name);
  await docker.ok("start", name);
  expect((await docker("network", "connect", network, name)).stderr).toContain("already exists in network");
  await docker.ok("rm", "-f", name);
});
