import { once } from "node:events";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import { createServer, type Server } from "node:http";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { parseReference } from "#spec";
import { freePort } from "@longshore/testkit";
import { HttpClient, USUAL_LIMITS } from "./http-client.ts";
import { openRegistry, type Registry } from "./index.ts";
import { NO_PROXIES, type ProxySettings } from "./proxy.ts";

let home = "";
let child: ChildProcess | undefined;
let host = "";
const limits = { ...USUAL_LIMITS, firstPauseMs: 1 };

/** An authority, a server's certificate for loopback, `index.docker.io` and `other.example`, and a client's pair. */
function makeCertificates(): void {
  const openssl = (...args: readonly string[]): void =>
    void execFileSync("openssl", args, { cwd: home, stdio: "pipe" });
  const key = (name: string): readonly string[] => [
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    `${name}.key`,
  ];
  openssl("req", "-x509", ...key("ca"), "-out", "ca.crt", "-days", "2", "-subj", "/CN=test authority");
  writeFileSync(
    join(home, "server.ext"),
    "subjectAltName=IP:127.0.0.1,DNS:index.docker.io,DNS:registry.example\nextendedKeyUsage=serverAuth",
  );
  writeFileSync(join(home, "client.ext"), "extendedKeyUsage=clientAuth");
  for (const name of ["server", "client"]) {
    openssl("req", ...key(name), "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      ...signing,
      "-extfile",
      `${name}.ext`,
      "-out",
      `${name}.pem`,
    );
  }
}

/** Starts the real registry, which wants a client's certificate. */
async function startTlsRegistry(): Promise<void> {
  const port = await freePort();
  host = `127.0.0.1:${port}`;
  const config = {
    version: 0.1,
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: join(home, "storage") } },
    http: {
      addr: host,
      tls: {
        certificate: join(home, "server.pem"),
        key: join(home, "server.key"),
        clientcas: [join(home, "ca.crt")],
      },
    },
  };
  writeFileSync(join(home, "config.yml"), JSON.stringify(config));
  child = spawn("docker-registry", ["serve", join(home, "config.yml")], { stdio: "ignore" });
  const isUp = (): Promise<boolean> =>
    new Promise((done) => {
      const socket = net.connect(port, "127.0.0.1", () => done(true)).once("error", () => done(false));
      socket.once("connect", () => socket.destroy());
    });
  for (let tries = 0; !(await isUp()); tries++) {
    if (tries > 400 || child.exitCode !== null) throw new Error("docker-registry didn't start");
    await delay(25);
  }
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "longshore-trust-"));
  makeCertificates();
  await startTlsRegistry();
}, 60_000);
afterAll(async () => {
  if (child !== undefined && child.exitCode === null) {
    const gone = new Promise((done) => child?.once("exit", done));
    child.kill("SIGKILL");
    await gone;
  }
  rmSync(home, { recursive: true, force: true });
});

let folders = 0;
/** A certs.d with `files` (name in it -> name of what was made) for `name`. */
function certificatesFor(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(home, `certs-${folders++}`);
  mkdirSync(join(folder, name), { recursive: true });
  for (const [file, source] of Object.entries(files))
    copyFileSync(join(home, source), join(folder, name, file));
  return folder;
}
const pair = { "client.cert": "client.pem", "client.key": "client.key" };

async function ask(certificates: string, signal: AbortSignal): Promise<number> {
  await using http = new HttpClient({ limits, certificates });
  const url = `https://${host}/v2/`;
  const answer = await http.send({ method: "GET", url, isInsecure: false, registry: host }, signal);
  await answer.drop();
  return answer.status;
}

test("a registry's authority and client pair are taken from its folder", async ({ signal }) => {
  await expect(ask(certificatesFor(host, { "ca.crt": "ca.crt", ...pair }), signal)).resolves.toBe(200);
});

test("an unknown authority is refused in the words that clients match on", async ({ signal }) => {
  await expect(ask(join(home, "none"), signal)).rejects.toMatchObject({
    kind: "unavailable",
    message: `Get "https://${host}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
  });
  // The folder of another registry decides nothing.
  await expect(ask(certificatesFor("127.0.0.1", { "ca.crt": "ca.crt" }), signal)).rejects.toMatchObject({
    message: expect.stringContaining("x509: certificate signed by unknown authority") as string,
  });
});

test("without the client pair the registry refuses, with it an unverified registry lets in", async ({
  signal,
}) => {
  await expect(ask(certificatesFor(host, { "ca.crt": "ca.crt" }), signal)).rejects.toMatchObject({
    message: expect.stringMatching(/remote error: tls: (certificate required|bad certificate)/) as string,
  });
  const certificates = certificatesFor(host, pair);
  await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [], limits, certificates });
  const repository = registry.repository(parseReference(`${host}/a/b`), undefined, "pull");
  await expect(repository.manifest("1", signal)).rejects.toMatchObject({ kind: "not_found" });
});

test("half a pair and what is no certificate are refused by name", async ({ signal }) => {
  await expect(ask(certificatesFor(host, { "client.cert": "client.pem" }), signal)).rejects.toMatchObject({
    kind: "invalid",
    message:
      "missing key client.key for client certificate client.cert. CA certificates must use the extension .crt",
  });
  await expect(ask(certificatesFor(host, { "client.key": "client.key" }), signal)).rejects.toMatchObject({
    kind: "invalid",
    message: "missing client certificate client.cert for key client.key",
  });
  const wrong = { "client.cert": "client.pem", "client.key": "server.key" };
  await expect(ask(certificatesFor(host, wrong), signal)).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining(`certificates of registry ${host}`) as string,
  });
});

test("certificates that come while the engine runs hold from the next request on", async ({ signal }) => {
  const certificates = certificatesFor(host, {});
  await using http = new HttpClient({ limits, certificates });
  const wanted = { method: "GET", url: `https://${host}/v2/`, isInsecure: false, registry: host } as const;
  await expect(http.send(wanted, signal)).rejects.toMatchObject({ kind: "unavailable" });
  for (const [file, source] of Object.entries({ "ca.crt": "ca.crt", ...pair }))
    copyFileSync(join(home, source), join(certificates, host, file));
  const answer = await http.send(wanted, signal);
  await answer.drop();
  expect(answer.status).toBe(200);
});

test("a server that speaks no TLS, and one with another name, are told in Go's words", async ({ signal }) => {
  const plain = createServer((_, response) => response.end());
  await new Promise<void>((done) => plain.listen(0, "127.0.0.1", done));
  try {
    await using http = new HttpClient({ limits, certificates: home });
    const url = `https://127.0.0.1:${(plain.address() as AddressInfo).port}/v2/`;
    await expect(http.send({ method: "GET", url, isInsecure: false }, signal)).rejects.toMatchObject({
      message: `Get "${url}": http: server gave HTTP response to HTTPS client`,
    });
  } finally {
    plain.closeAllConnections();
    plain.close();
  }
  await using proxy = await startProxy();
  const certificates = certificatesFor("other.example", { "ca.crt": "ca.crt" });
  await using http = new HttpClient({ limits, certificates, proxies: proxy.settings });
  const wanted = { method: "GET", url: "https://other.example/v2/", isInsecure: false } as const;
  await expect(http.send({ ...wanted, registry: "other.example" }, signal)).rejects.toMatchObject({
    message: expect.stringMatching(
      /x509: certificate is valid for .*registry\.example.*, not other\.example/,
    ) as string,
  });
});

/** A proxy that leads every host, by CONNECT or plainly, to one small server of a registry's and an index's answers. */
async function startProxy(
  secret = "",
): Promise<
  AsyncDisposable & { readonly settings: ProxySettings; readonly seen: string[]; readonly asked: string[] }
> {
  const seen: string[] = [];
  const asked: string[] = [];
  const answer: Parameters<typeof createServer>[1] = (incoming, response) => {
    asked.push(`${incoming.headers.host}${incoming.url}`);
    const results = [
      { name: "nginx", description: "web", star_count: 900, is_official: true, is_automated: true },
      { name: "me/nginx", description: null, star_count: 2 },
      { junk: 1 },
    ];
    const isSearch = incoming.url?.startsWith("/v1/search") === true;
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(isSearch ? { results } : {}));
  };
  const site = createTlsServer(
    { cert: readFileSync(join(home, "server.pem")), key: readFileSync(join(home, "server.key")) },
    answer,
  );
  const proxy = createServer((incoming, response) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    response.end("plainly");
  });
  const sockets = new Set<net.Socket>();
  proxy.on("connect", (incoming, socket: net.Socket) => {
    seen.push(`CONNECT ${incoming.url}`);
    sockets.add(socket.on("error", () => {}));
    if (secret !== "" && incoming.headers["proxy-authorization"] !== secret)
      return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const through = net.connect((site.address() as AddressInfo).port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(through).pipe(socket);
    });
    sockets.add(through.on("error", () => {}));
  });
  const listening: Server[] = [];
  for (const server of [site, proxy] as unknown as Server[]) {
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    listening.push(server);
  }
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    settings: { http: address, https: address, no: "" },
    seen,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      for (const server of listening) {
        server.closeAllConnections();
        await new Promise<void>((done) => server.close(() => done()));
      }
    },
  };
}

function registryThrough(proxies: ProxySettings, certificates: string): Registry {
  return openRegistry({ log: silentLogger, mirrors: [], insecure: [], limits, certificates, proxies });
}

test("search() asks Docker Hub's index through the proxy", async ({ signal }) => {
  await using proxy = await startProxy();
  const certificates = certificatesFor("docker.io", { "ca.crt": "ca.crt" });
  await using registry = registryThrough(proxy.settings, certificates);
  await expect(registry.search("library/nginx plus", undefined, undefined, signal)).resolves.toEqual([
    { name: "nginx", description: "web", stars: 900, isOfficial: true },
    { name: "me/nginx", description: "", stars: 2, isOfficial: false },
  ]);
  expect(proxy.seen).toEqual(["CONNECT index.docker.io:443"]);
  expect(proxy.asked).toEqual(["index.docker.io/v1/search?q=nginx+plus&n=25"]);
});

test("plain HTTP goes through the proxy by its whole URL, and loopback and NO_PROXY past it", async ({
  signal,
}) => {
  await using proxy = await startProxy();
  await using http = new HttpClient({ limits, certificates: home, proxies: proxy.settings });
  const plain = { method: "GET", url: "http://registry.example:5000/v2/", isInsecure: true } as const;
  const answer = await http.send(plain, signal);
  expect((await http.document(answer, 100, "answer", signal)).toString()).toBe("plainly");
  expect(proxy.seen).toEqual(["GET http://registry.example:5000/v2/"]);
  const local = { method: "GET", url: `https://${host}/v2/`, isInsecure: false } as const;
  await expect(http.send(local, signal)).rejects.toMatchObject({
    message: expect.stringContaining("unknown authority") as string,
  });
  expect(proxy.seen.length).toBe(1);
});

test("a proxy that nobody answers at is named, not the registry, and without its password", async ({
  signal,
}) => {
  const place = `127.0.0.1:${await freePort()}`;
  const asked = async (proxy: string, url: string): Promise<unknown> => {
    await using http = new HttpClient({
      limits,
      certificates: home,
      proxies: { http: proxy, https: proxy, no: "" },
    });
    return await http
      .send({ method: "GET", url, isInsecure: false }, signal)
      .catch((caught: unknown) => caught);
  };
  for (const url of ["https://registry.example/v2/", "http://registry.example/v2/"]) {
    expect(await asked(`http://ada:s3cret@${place}`, url)).toMatchObject({
      kind: "unavailable",
      message: `Get "${url}": proxyconnect tcp: dial tcp ${place}: connect: connection refused`,
    });
  }
  const server = net.createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    expect(await asked(`http://ada:s3cret@127.0.0.1:${port}`, "https://registry.example/v2/")).toMatchObject({
      kind: "unavailable",
      message: expect.stringMatching(
        new RegExp(`\\(through the proxy 127\\.0\\.0\\.1:${port}\\)$`),
      ) as string,
    });
  } finally {
    server.close();
  }
});

test("a proxy's name and password go to the proxy, and its refusal is told without them", async ({
  signal,
}) => {
  const secret = `Basic ${Buffer.from("ada:s3cret").toString("base64")}`;
  await using proxy = await startProxy(secret);
  const certificates = certificatesFor("registry.example", { "ca.crt": "ca.crt" });
  const wanted = {
    method: "GET",
    url: "https://registry.example/v2/",
    isInsecure: false,
    registry: "registry.example",
  } as const;
  const named = proxy.settings.https.replace("//", "//ada:s3cret@");
  await using good = new HttpClient({ limits, certificates, proxies: { ...proxy.settings, https: named } });
  const answer = await good.send(wanted, signal);
  await answer.drop();
  expect(answer.status).toBe(200);
  const wrong = named.replace("s3cret", "guess");
  await using bad = new HttpClient({ limits, certificates, proxies: { ...proxy.settings, https: wrong } });
  const error = await bad.send(wanted, signal).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ kind: "unavailable", message: expect.stringContaining("407") as string });
  expect((error as Error).message).not.toContain("guess");
  await using socks = new HttpClient({
    limits,
    certificates,
    proxies: { ...NO_PROXIES, https: "socks5://a:b@c:1" },
  });
  await expect(socks.send(wanted, signal)).rejects.toMatchObject({
    kind: "invalid",
    message: 'proxy "socks5://xxxxx:xxxxx@c:1", want http://HOST:PORT or https://HOST:PORT',
  });
});
