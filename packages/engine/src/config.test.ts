import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type EngineConfig, readCommand } from "./config.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "longshore-config-"));
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"])
    vi.stubEnv(name, "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

async function read(file: object, ...flags: readonly string[]): Promise<EngineConfig> {
  const place = join(folder, "daemon.json");
  writeFileSync(place, JSON.stringify(file));
  const command = await readCommand(["--config", place, ...flags]);
  if (command.kind !== "run") throw new Error("not a run");
  return command.config;
}

test("readCommand() takes proxies from the environment, and the file's before them key by key", async () => {
  vi.stubEnv("HTTPS_PROXY", "http://outer:1");
  vi.stubEnv("no_proxy", "corp.example");
  expect((await read({})).proxies).toEqual({ http: "", https: "http://outer:1", no: "corp.example" });
  const proxies = { "http-proxy": "http://inner:2", "no-proxy": "" };
  expect((await read({ proxies })).proxies).toEqual({
    http: "http://inner:2",
    https: "http://outer:1",
    no: "",
  });
});

test("readCommand() refuses proxies that are none by key", async () => {
  await expect(read({ proxies: ["http://a"] })).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining('config key "proxies": want an object') as string,
  });
  await expect(read({ proxies: { http: "a" } })).rejects.toMatchObject({
    message: expect.stringContaining('unknown key "http"') as string,
  });
  await expect(read({ proxies: { "http-proxy": 1 } })).rejects.toMatchObject({
    message: expect.stringContaining("want a string") as string,
  });
});

test("readCommand() takes the certificates' folder by flag, then by file, then Docker's", async () => {
  expect((await read({})).certificates).toBe("/etc/docker/certs.d");
  expect((await read({ "certs-dir": "/a/b" })).certificates).toBe("/a/b");
  expect((await read({ "certs-dir": "/a/b" }, "--certs-dir", "/c")).certificates).toBe("/c");
});

test("readCommand() takes hosts and TLS from flags and from the file under daemon.json's names", async () => {
  const files = { tlscacert: "/a.pem", tlscert: "/c.pem", tlskey: "/k.pem" };
  const told = await read(
    { hosts: ["tcp://0.0.0.0:2376"], tlsverify: true, ...files },
    "--host",
    "unix:///run/b.sock",
    "--host",
    "tcp://127.0.0.1:1",
    "--tlskey",
    "/other.pem",
  );
  expect(told.tls).toEqual({ ...files, tlskey: "/other.pem" });
  expect(told.listens.slice(1)).toEqual([
    { kind: "unix", path: "/run/b.sock" },
    { kind: "tcp", host: "127.0.0.1", port: 1 },
    { kind: "tcp", host: "0.0.0.0", port: 2376 },
  ]);
  vi.stubEnv("DOCKER_CERT_PATH", "/usual");
  expect((await read({ tlsverify: true }, "--tlsverify=false", "--tls=true")).tls).toEqual({
    tlscert: "/usual/cert.pem",
    tlskey: "/usual/key.pem",
  });
  await expect(read({ tls: "yes" })).rejects.toThrow('config key "tls": got "yes", want true or false');
});

test("readCommand() takes each authorization plugin once, flags first", async () => {
  const told = await read({ "authorization-plugins": ["b", "a"] }, "--authorization-plugin", "a");
  expect([told.authorizationPlugins, told.pluginRoot]).toEqual([["a", "b"], "/"]);
});
