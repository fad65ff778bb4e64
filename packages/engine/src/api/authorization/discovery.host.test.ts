import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort, makeAuthority } from "@longshore/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findPlugin } from "./discovery.ts";
import { activatePlugin } from "./plugin-client.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "longshore-plugins-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(place: string, text: string): void {
  mkdirSync(dirname(join(root, place)), { recursive: true });
  writeFileSync(join(root, place), text);
}

describe("findPlugin()", () => {
  test("takes a socket before files, /etc before /usr/lib, .spec before .json, and folders of the plugin's name", async () => {
    write("usr/lib/docker/plugins/p.spec", "tcp://127.0.0.1:4");
    expect((await findPlugin("p", root)).connect).toEqual({ host: "127.0.0.1", port: 4 });
    write("etc/docker/plugins/p/p.json", '{"Name":"p","Addr":"unix:///run/p3"}');
    expect((await findPlugin("p", root)).connect).toEqual({ socketPath: "/run/p3" });
    write("etc/docker/plugins/p.spec", "unix:///run/p2\n");
    expect((await findPlugin("p", root)).connect).toEqual({ socketPath: "/run/p2" });
    // A file with a socket's name is none.
    write("run/docker/plugins/p.sock", "");
    expect((await findPlugin("p", root)).connect).toEqual({ socketPath: "/run/p2" });
    const place = join(root, "run/docker/plugins/p/p.sock");
    mkdirSync(dirname(place));
    const server = createServer().listen(place);
    await once(server, "listening");
    expect((await findPlugin("p", root)).connect).toEqual({ socketPath: place });
    server.close();
  });

  test.for(["", "..", "../p", "a/b", ".hidden", "a b"])("refuses the name %j", async (name) => {
    await expect(findPlugin(name, root)).rejects.toMatchObject({ kind: "invalid" });
  });

  test.for([
    ["p.spec", "nonsense", 'address "nonsense", want unix:///PATH or tcp://HOST:PORT'],
    ["p.spec", "tcp://nowhere", 'address "tcp://nowhere"'],
    ["p.json", "{", "p.json"],
    ["p.json", "{}", 'address "undefined"'],
    ["p.json", '{"Addr":"unix:///x","TLSConfig":{"CAFile":"/no/ca"}}', "ENOENT"],
  ] as const)("refuses %s with %j", async ([name, text, words]) => {
    write(`etc/docker/plugins/${name}`, text);
    await expect(findPlugin("p", root)).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringContaining(words) as string,
    });
  });

  test("a plugin behind TLS is checked by the authority its file names", async () => {
    const authority = makeAuthority(join(root, "own"));
    const foreign = makeAuthority(join(root, "foreign"));
    const { cert, key } = authority.issue("plugin");
    const server = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_, answer) =>
      answer.end('{"Implements":["authz"]}'),
    );
    const port = await freePort();
    await once(server.listen(port, "127.0.0.1"), "listening");
    const signal = new AbortController().signal;
    const activate = async (settings: object): Promise<void> => {
      write(
        "etc/docker/plugins/p.json",
        JSON.stringify({ Addr: `https://127.0.0.1:${port}`, TLSConfig: settings }),
      );
      await activatePlugin(await findPlugin("p", root), "authz", signal);
    };
    await activate({ CAFile: authority.ca });
    await expect(activate({ CAFile: foreign.ca })).rejects.toThrow(/certificate/);
    await activate({});
    await activate({ CAFile: foreign.ca, InsecureSkipVerify: true });
    server.close();
  });
});
