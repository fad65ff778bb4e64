import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import dgram from "node:dgram";
import os from "node:os";
import path from "node:path";
import type { Worker } from "node:worker_threads";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { openDnsServer, startDnsWorker } from "#dns";
import { openEvents } from "#events";
import { loadNftScript, openNetworkThread } from "#host";
import { silentLogger, systemClock } from "#kernel";
import { memoryStore } from "#testing/store";
import { openStore, type Store } from "#store";
import type { EndpointSpec, Networks, PortSpec } from "./contract.ts";
import { openNetworks } from "./index.ts";
import { engineTag, type NetworkDrivers, openNetworkRoom, type NetworksDeps } from "./network-room.ts";
import { holdHostPort } from "./published-ports.ts";

const run = promisify(execFile);

/** One engine's networks on this machine, removed with everything in them after the test. */
class Bench {
  readonly stack = new AsyncDisposableStack();
  readonly root: string;
  readonly subnet: string;
  store: Store = memoryStore();
  networks!: Networks;

  constructor(root: string, subnet: string) {
    this.root = root;
    this.subnet = subnet;
  }
  async open(signal: AbortSignal, store: Store = memoryStore()): Promise<Networks> {
    this.networks = await openNetworks(this.#deps(store), signal);
    return this.networks;
  }
  /** The same with other drivers in the place of some. */
  async openOn(drivers: Partial<NetworkDrivers>, signal: AbortSignal): Promise<Networks> {
    this.networks = await openNetworkRoom(
      this.#deps(memoryStore()),
      {
        kernel: drivers.kernel ?? openNetworkThread(),
        loadRules: loadNftScript,
        dns: drivers.dns ?? openDnsServer(silentLogger),
        hold: holdHostPort,
      },
      signal,
    );
    return this.networks;
  }
  #deps(store: Store): NetworksDeps {
    return {
      store,
      events: openEvents(),
      stateRoot: this.root,
      dataRoot: this.root,
      log: silentLogger,
      clock: systemClock,
      bridgeSubnet: this.subnet,
    };
  }
}

const open: Bench[] = [];
let number = 60;
async function bench(): Promise<Bench> {
  const root = await mkdtemp(path.join(os.tmpdir(), "networks-"));
  const one = new Bench(root, `10.217.${++number}.0/24`);
  open.push(one);
  return one;
}

afterEach(async () => {
  for (const one of open.splice(0)) {
    await one.stack.disposeAsync();
    await one.networks.adopt(new Set());
    await one.networks[Symbol.asyncDispose]();
    await rm(one.root, { recursive: true, force: true });
    const { stdout } = await run("nft", ["list", "tables"]);
    expect(stdout).not.toContain(engineTag(one.root));
  }
});

const wants = (containerId: string, more: Partial<EndpointSpec> = {}): EndpointSpec => ({
  containerId,
  containerName: containerId,
  hostname: containerId,
  aliases: [],
  ...more,
});
const noDns = { servers: [], search: [], options: [] };
const tcp = (containerPort: number, more: Partial<PortSpec> = {}): PortSpec => ({
  containerPort,
  protocol: "tcp",
  hostAddress: "",
  hostPort: 0,
  ...more,
});

/** A server inside a sandbox: answers each connection or datagram with `word`. */
async function serve(on: Bench, file: string, port: number, word: string): Promise<void> {
  const script = `
    require("node:net").createServer((s) => { s.on("error", () => {}); s.end(${JSON.stringify(word)} + " " + s.remoteAddress); }).listen(${port}, () => {
      const u = require("node:dgram").createSocket("udp4");
      u.on("message", (m, from) => u.send(${JSON.stringify(word)}, from.port, from.address));
      u.bind(${port}, () => console.log("ready"));
    });`;
  const child = spawn("nsenter", [`--net=${file}`, process.execPath, "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  on.stack.defer(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  await once(child.stdout, "data");
}

async function answer(host: string, port: number): Promise<string> {
  const socket = net.connect({ host, port, timeout: 3000 });
  socket.on("timeout", () => socket.destroy(new Error("timeout")));
  let found = "";
  for await (const chunk of socket.setEncoding("utf8")) found += chunk;
  return found;
}
/** What a process inside the sandbox gets from a server, or how it failed. */
async function answerInside(file: string, host: string, port: number): Promise<string> {
  const script = `const s = require("node:net").connect({host:"${host}",port:${port}}); s.setTimeout(700, () => { console.log("timeout"); process.exit() }); s.on("error", (e) => console.log(e.code)); s.pipe(process.stdout)`;
  const { stdout } = await run("nsenter", [`--net=${file}`, process.execPath, "-e", script]);
  return stdout.trim();
}

describe("networks on the default bridge", () => {
  test("open() gives a sandbox whose published port answers on 127.0.0.1 and ::1", async ({ signal }) => {
    const on = await bench();
    const networks = await on.open(signal);
    const sandbox = await networks.open(
      {
        containerId: "c1",
        endpoints: [{ network: "bridge", spec: wants("c1") }],
        ports: [tcp(80)],
        dns: noDns,
      },
      signal,
    );
    expect(sandbox.endpoints[0]?.ipv4).toMatch(/^10\.217\.\d+\.2$/);
    expect(sandbox.endpoints[0]?.macAddress).toMatch(/^02:42:0a:d9:/);
    await serve(on, sandbox.path, 80, "hello");
    const [four, six] = sandbox.ports;
    expect(four).toMatchObject({ hostAddress: "0.0.0.0", containerPort: 80 });
    expect(six).toMatchObject({ hostAddress: "::", hostPort: four?.hostPort });
    const port = four?.hostPort ?? 0;
    expect(await answer("127.0.0.1", port)).toMatch(/^hello/);
    expect(await answer("::1", port)).toMatch(/^hello/);
    // The kernel rewrote the first one, the relay carried the second.
    expect(await answer(sandbox.endpoints[0]?.ipv4 ?? "", 80)).toMatch(/^hello/);
    const counters = await networks.counters("c1");
    expect(counters["eth0"]?.rxBytes).toBeGreaterThan(0);
    await networks.close("c1");
    await expect(answer("127.0.0.1", port)).rejects.toThrow("ECONNREFUSED");
    expect(networks.sandbox("c1")).toBeUndefined();
  });

  test("open() publishes UDP, also to a flow that was there before", async ({ signal }) => {
    const on = await bench();
    const networks = await on.open(signal);
    const client = dgram.createSocket("udp4");
    on.stack.defer(() => void client.close());
    const ask = async (port: number): Promise<string> => {
      const heard = once(client, "message", { signal: AbortSignal.timeout(3000) });
      client.send("?", port, "127.0.0.1");
      const [bytes] = (await heard) as [Buffer];
      return bytes.toString();
    };
    for (const word of ["first", "second"]) {
      const sandbox = await networks.open(
        {
          containerId: word,
          endpoints: [{ network: "bridge", spec: wants(word) }],
          ports: [{ containerPort: 53, protocol: "udp", hostAddress: "127.0.0.1", hostPort: 28_953 }],
          dns: noDns,
        },
        signal,
      );
      await serve(on, sandbox.path, 53, word);
      expect(await ask(28_953)).toBe(word);
      await networks.close(word);
    }
  });

  test("open() names the clash when a host port is taken, and leaves nothing", async ({ signal }) => {
    const on = await bench();
    const networks = await on.open(signal);
    const taken = net.createServer().listen(0, "0.0.0.0");
    await once(taken, "listening");
    on.stack.defer(() => void taken.close());
    const { port } = taken.address() as net.AddressInfo;
    const opening = networks.open(
      {
        containerId: "c1",
        endpoints: [{ network: "bridge", spec: wants("c1") }],
        ports: [tcp(80, { hostPort: port })],
        dns: noDns,
      },
      signal,
    );
    await expect(opening).rejects.toThrow(
      new RegExp(
        `^driver failed programming external connectivity on endpoint c1 \\([0-9a-f]{64}\\): failed to bind host port for 0\\.0\\.0\\.0:${port}:10\\.217\\.\\d+\\.2:80/tcp: address already in use \\(by "[^"]+", pid ${process.pid}\\)$`,
      ),
    );
    expect(networks.endpoints(networks.get("bridge").id)).toEqual([]);
    expect(networks.sandbox("c1")).toBeUndefined();
  });

  test("a container reaches itself and its neighbour through a published port, and the neighbour directly", async ({
    signal,
  }) => {
    const on = await bench();
    const networks = await on.open(signal);
    const one = await networks.open(
      {
        containerId: "c1",
        endpoints: [{ network: "bridge", spec: wants("c1") }],
        ports: [tcp(80)],
        dns: noDns,
      },
      signal,
    );
    const two = await networks.open(
      {
        containerId: "c2",
        endpoints: [{ network: "bridge", spec: wants("c2") }],
        ports: [],
        dns: noDns,
      },
      signal,
    );
    await serve(on, one.path, 80, "one");
    const gateway = one.endpoints[0]?.gateway ?? "";
    const port = one.ports[0]?.hostPort ?? 0;
    expect(await answerInside(one.path, gateway, port)).toMatch(/^one/);
    expect(await answerInside(two.path, gateway, port)).toMatch(/^one/);
    expect(await answerInside(two.path, one.endpoints[0]?.ipv4 ?? "", 80)).toMatch(/^one/);
  });
});

/** What a process inside the sandbox is told of `name` by the server of its resolv.conf. */
async function lookUp(file: string, name: string, type = "A"): Promise<string> {
  const script = `const { Resolver } = require("node:dns").promises; const r = new Resolver({ timeout: 1000, tries: 1 }); r.setServers(["127.0.0.11"]);
    r.resolve(${JSON.stringify(name)}, ${JSON.stringify(type)}).then((found) => console.log(found.join()), (e) => console.log(e.code))`;
  const { stdout } = await run("nsenter", [`--net=${file}`, process.execPath, "-e", script]);
  return stdout.trim();
}

describe("on a host whose kernel settings are read-only", () => {
  test("a published port answers on 127.0.0.1 through the relay", async ({ signal }) => {
    const on = await bench();
    const thread = openNetworkThread();
    const kernel = new Proxy(thread, {
      get: (target, property): unknown =>
        property === "setHostSysctl" ? async () => false : Reflect.get(target, property),
    });
    await on.openOn({ kernel }, signal);
    const sandbox = await on.networks.open(
      {
        containerId: "c1",
        endpoints: [{ network: "bridge", spec: wants("c1") }],
        ports: [tcp(80)],
        dns: noDns,
      },
      signal,
    );
    await serve(on, sandbox.path, 80, "relayed");
    expect(await answer("127.0.0.1", sandbox.ports[0]?.hostPort ?? 0)).toMatch(/^relayed/);
  });
});

describe("user-defined networks", () => {
  test("names are answered again after the DNS thread died", async ({ signal }) => {
    const on = await bench();
    const workers: Worker[] = [];
    const start = (): Worker => {
      const worker = startDnsWorker();
      workers.push(worker);
      return worker;
    };
    const networks = await on.openOn({ dns: openDnsServer(silentLogger, start) }, signal);
    await networks.create({ name: "front", driver: "bridge" }, signal);
    const [web, client] = await Promise.all(
      ["web", "client"].map((id) =>
        networks.open(
          { containerId: id, endpoints: [{ network: "front", spec: wants(id) }], ports: [], dns: noDns },
          signal,
        ),
      ),
    );
    const address = web?.endpoints[0]?.ipv4;
    expect(await lookUp(client?.path ?? "", "web")).toBe(address);
    await workers[0]?.terminate();
    await expect.poll(() => lookUp(client?.path ?? "", "web"), { timeout: 20_000 }).toBe(address);
    expect(workers.length).toBe(2);
    for (const id of ["web", "client"]) await networks.close(id);
    await networks.remove("front");
  });

  test("containers find each other by name, alias and address; other networks stay apart", async ({
    signal,
  }) => {
    const on = await bench();
    const networks = await on.open(signal);
    const make = (name: string, subnet: string): Promise<{ network: { id: string } }> =>
      networks.create({ name, ipam: { pools: [{ subnet }] } }, signal);
    await make("front", "10.218.61.0/24");
    await make("back", "10.218.62.0/24");
    const sandbox = (id: string, network: string, more: Partial<EndpointSpec> = {}) =>
      networks.open(
        {
          containerId: id,
          endpoints: [{ network, spec: wants(id, more) }],
          ports: [],
          dns: noDns,
        },
        signal,
      );
    const web = await sandbox("web", "front", { aliases: ["www"], ipv4: "10.218.61.77" });
    const client = await sandbox("client", "front");
    const other = await sandbox("other", "back");
    expect(client.resolvConf).toContain("nameserver 127.0.0.11");
    expect(web.endpoints[0]?.macAddress).toBe("02:42:0a:da:3d:4d");
    await serve(on, web.path, 80, "web");
    for (const name of ["web", "www", "WEB.front"])
      expect(await lookUp(client.path, name)).toBe("10.218.61.77");
    expect(await lookUp(client.path, "77.61.218.10.in-addr.arpa", "PTR")).toBe("web.front");
    expect(await lookUp(client.path, "web", "AAAA")).toBe("ENODATA");
    expect(await lookUp(client.path, "host.docker.internal")).toBe("10.218.61.1");
    expect(await answerInside(client.path, "10.218.61.77", 80)).toMatch(/^web/);
    expect(await answerInside(other.path, "10.218.61.77", 80)).toBe("timeout");

    const endpoint = await networks.connect("other", "front", wants("other"), signal);
    expect(endpoint.ipv4).toBe("10.218.61.3");
    expect(await lookUp(other.path, "www")).toBe("10.218.61.77");
    expect(await answerInside(other.path, "10.218.61.77", 80)).toMatch(/^web/);
    expect(Object.keys(await networks.counters("other"))).toEqual(["eth0", "eth1"]);
    await expect(networks.remove("front")).rejects.toThrow(
      /network front has active endpoints \(name:"web" id:"[0-9a-f]{12}"/,
    );
    await networks.disconnect("other", "front");
    expect(await answerInside(other.path, "10.218.61.77", 80)).toBe("timeout");
    networks.rename("web", "site");
    expect(await lookUp(client.path, "site")).toBe("10.218.61.77");
    for (const id of ["web", "client", "other"]) await networks.close(id);
    await networks.remove("front");
    expect(await networks.prune(() => true)).toEqual(["back"]);
  });

  test("an internal network has no way out and forwards no names", async ({ signal }) => {
    const on = await bench();
    const networks = await on.open(signal);
    await networks.create(
      { name: "inner", isInternal: true, ipam: { pools: [{ subnet: "10.218.63.0/24" }] } },
      signal,
    );
    const inside = await networks.open(
      {
        containerId: "in",
        endpoints: [{ network: "inner", spec: wants("in") }],
        ports: [tcp(80)],
        dns: noDns,
      },
      signal,
    );
    const outside = await networks.open(
      {
        containerId: "out",
        endpoints: [{ network: "bridge", spec: wants("out") }],
        ports: [],
        dns: noDns,
      },
      signal,
    );
    await serve(on, outside.path, 80, "out");
    expect(inside.ports).toEqual([]);
    expect(await answerInside(inside.path, outside.endpoints[0]?.ipv4 ?? "", 80)).toBe("ENETUNREACH");
    expect(await lookUp(inside.path, "elsewhere.test")).toBe("EREFUSED");
  });

  test("a network with IPv6 gives addresses of both families that work", async ({ signal }) => {
    const on = await bench();
    const networks = await on.open(signal);
    await networks.create(
      {
        name: "six",
        hasIpv6: true,
        ipam: { pools: [{ subnet: "10.218.64.0/24" }, { subnet: "fd5e:217:64::/64" }] },
      },
      signal,
    );
    const [one, two] = await Promise.all(
      ["one", "two"].map((id) =>
        networks.open(
          {
            containerId: id,
            endpoints: [{ network: "six", spec: wants(id) }],
            ports: [],
            dns: noDns,
          },
          signal,
        ),
      ),
    );
    await serve(on, one?.path ?? "", 80, "one");
    const address = one?.endpoints[0]?.ipv6 ?? "";
    expect(address).toMatch(/^fd5e:217:64::\d$/);
    expect(await lookUp(two?.path ?? "", "one", "AAAA")).toBe(address);
    expect(await answerInside(two?.path ?? "", address, 80)).toMatch(/^one/);
  });
});

describe("adopt()", () => {
  test("keeps the sandboxes that run with ports and names, and removes the others", async ({ signal }) => {
    const on = await bench();
    const folder = await mkdtemp(path.join(os.tmpdir(), "networks-store-"));
    on.stack.defer(() => rm(folder, { recursive: true }));
    const first = openStore(path.join(folder, "m.db"));
    const networks = await on.open(signal, first);
    await networks.create({ name: "front", ipam: { pools: [{ subnet: "10.218.65.0/24" }] } }, signal);
    const spec = (id: string) => ({
      containerId: id,
      endpoints: [{ network: "front", spec: wants(id) }],
      ports: [tcp(80)],
      dns: noDns,
    });
    const kept = await networks.open(spec("kept"), signal);
    const gone = await networks.open(spec("gone"), signal);
    await serve(on, kept.path, 80, "kept");
    // As after a kill: sockets and threads end, records and kernel objects stay.
    await networks[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    const second = openStore(path.join(folder, "m.db"));
    on.stack.defer(() => second[Symbol.asyncDispose]());
    const port = kept.ports[0]?.hostPort ?? 0;
    expect(await answer("127.0.0.1", port)).toMatch(/^kept/);
    const again = await on.open(signal, second);
    expect(await answer("127.0.0.1", port)).toMatch(/^kept/);
    await again.adopt(new Set(["kept"]));
    expect(again.sandbox("kept")).toEqual(kept);
    expect(again.sandbox("gone")).toBeUndefined();
    await expect(access(gone.path)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await answer("127.0.0.1", port)).toMatch(/^kept/);
    expect(await answer("::1", port)).toMatch(/^kept/);
    expect(await lookUp(kept.path, "kept")).toBe("10.218.65.2");
    const next = await again.open(spec("next"), signal);
    expect(next.endpoints[0]?.ipv4).toBe("10.218.65.3");
    await run("nft", ["delete", "table", "inet", engineTag(on.root)]);
    await again.close("next");
    expect(await answer("127.0.0.1", port)).toMatch(/^kept/);
    await again.adopt(new Set());
  });
});
