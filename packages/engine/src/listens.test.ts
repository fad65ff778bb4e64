import { describe, expect, test } from "vitest";
import { listenOf, listenWarnings, tlsFilesOf } from "./listens.ts";

const verified = { tlscert: "/c", tlskey: "/k", tlscacert: "/a" };
const anyone = { tlscert: "/c", tlskey: "/k" };

describe("tlsFilesOf()", () => {
  test("is none without a word of TLS, and dockerd's usual files with one", () => {
    expect(tlsFilesOf({}, "/usual")).toBeUndefined();
    expect(tlsFilesOf({ tls: false }, "/usual")).toBeUndefined();
    const server = { tlscert: "/usual/cert.pem", tlskey: "/usual/key.pem" };
    expect(tlsFilesOf({ tls: true }, "/usual")).toEqual(server);
    expect(tlsFilesOf({ tlsverify: true }, "/usual")).toEqual({ ...server, tlscacert: "/usual/ca.pem" });
  });

  test("tlsverify turns TLS on whichever its value; its authority counts only with it", () => {
    expect(tlsFilesOf({ tlsverify: false, tlscacert: "/a" }, "/u")).toEqual({
      tlscert: "/u/cert.pem",
      tlskey: "/u/key.pem",
    });
  });

  test("takes files as they are named, and refuses them without TLS", () => {
    expect(tlsFilesOf({ tlsverify: true, ...verified }, "/u")).toEqual(verified);
    expect(() => tlsFilesOf({ tlskey: "/k" }, "/u")).toThrow(
      "--tlskey without TLS, want --tlsverify or --tls",
    );
  });
});

describe("listenOf()", () => {
  test("reads unix sockets, loopback, and with verified clients any address", () => {
    expect(listenOf("unix:///run/a.sock", undefined)).toEqual({ kind: "unix", path: "/run/a.sock" });
    expect(listenOf("tcp://[::1]:2375", undefined)).toEqual({ kind: "tcp", host: "::1", port: 2375 });
    expect(listenOf("tcp://127.0.0.2:0", anyone)).toEqual({ kind: "tcp", host: "127.0.0.2", port: 0 });
    expect(listenOf("tcp://0.0.0.0:2376", verified)).toEqual({ kind: "tcp", host: "0.0.0.0", port: 2376 });
  });

  test.for([undefined, anyone])("refuses an address that lets in anyone (%o)", (tls) => {
    for (const host of ["0.0.0.0", "[::]", "10.0.0.1", "example.org", "127.example.org"])
      expect(() => listenOf(`tcp://${host}:2376`, tls)).toThrow("without --tlsverify only loopback");
  });

  test.for(["tcp://127.0.0.1", "tcp://127.0.0.1:65536", "http://127.0.0.1:1", "unix://a.sock", ""])(
    "refuses %j",
    (text) => expect(() => listenOf(text, verified)).toThrow(`--host "${text}", want tcp://ADDR:PORT`),
  );
});

test("listenWarnings() names each TCP address that asks nobody for a certificate", () => {
  const listens = [
    { kind: "unix", path: "/a" },
    { kind: "tcp", host: "::1", port: 1 },
  ] as const;
  expect(listenWarnings(listens, verified)).toEqual([]);
  expect(listenWarnings(listens, undefined)).toEqual([
    "WARNING: API is accessible on http://[::1]:1 without encryption: whoever reaches it is root on this host",
  ]);
  expect(listenWarnings(listens, anyone)).toEqual([
    expect.stringContaining("https://[::1]:1 without TLS client verification"),
  ]);
});
