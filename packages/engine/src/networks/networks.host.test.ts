import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import dgram from "node:dgram";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { memoryStore } from "#testing/store";
import type { Store } from "#store";
import type { EndpointSpec, Networks, PortSpec } from "./contract.ts";
import { openNetworks } from "./index.ts";
import { engineTag } from "./network-room.ts";

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
    const events = openEvents();
    this.networks = await openNetworks(
      {
        store,
        events,
        stateRoot: this.root,
        dataRoot: this.root,
        log: silentLogger,
        clock: systemClock,
        bridgeSubnet: this.subnet,
      },
      signal,
    );
    return this.networks;
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
        `^driver failed programming external connectivity on endpoint c1 \\([0-9a-f]{64}\\): failed to bind host port for 0\\.0\\.0\\.0:${port}:10\\.217\\.\\d+\\.2:80/tcp: address already in use`,
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
