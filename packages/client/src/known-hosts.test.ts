import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { judge, knownTypes, parseKnownHosts, readKnownHosts, remember } from "./known-hosts.ts";

const keyOf = (type: string, seed: string): Buffer => {
  const [name, rest] = [Buffer.from(type), Buffer.from(seed)];
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return Buffer.concat([length, name, rest]);
};
const line = (names: string, key: Buffer, marker = ""): string =>
  `${marker}${names} ${key.subarray(4, 4 + key.readUInt32BE(0)).toString()} ${key.toString("base64")} a comment`;
const [ed, other, rsa] = [keyOf("ssh-ed25519", "a"), keyOf("ssh-ed25519", "b"), keyOf("ssh-rsa", "c")];
const hashed = (name: string): string => {
  const salt = Buffer.from("salt of twenty bytes");
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;
};
const says = (text: string, host: string, port = 22, key = ed): string => {
  const verdict = judge(parseKnownHosts(text, "file"), { host, port }, key);
  return verdict.kind === "refused" ? verdict.why : verdict.kind;
};

test.each([
  ["a name", "box", "box", 22, "known"],
  ["one of several", "box,10.0.0.1", "10.0.0.1", 22, "known"],
  ["any case", "Box.Example", "bOX.example", 22, "known"],
  ["a pattern", "*.example,!bad.example", "good.example", 22, "known"],
  ["a pattern that refuses", "*.example,!bad.example", "bad.example", 22, "new"],
  ["a dot that is none", "b.x", "box", 22, "new"],
  ["a port", "[box]:2222", "box", 2222, "known"],
  ["another port", "[box]:2222", "box", 22, "new"],
  ["a host that no port is named of", "box", "box", 2222, "known"],
  ["a hashed name", hashed("box"), "box", 22, "known"],
  ["a hashed port", hashed("[box]:2222"), "box", 2222, "known"],
  ["another hashed name", hashed("box"), "fox", 22, "new"],
  ["a hash by an unknown scheme", hashed("box").replace("|1|", "|2|"), "box", 22, "new"],
  ["an address of IPv6", "::1,[::1]:2222", "::1", 2222, "known"],
  ["a comment", "#box", "box", 22, "new"],
])("judge() of %s", (_, names, host, port, wanted) => {
  expect(says(line(names, ed), host, port)).toBe(wanted);
});

test("judge() refuses another key of the server, of whatever kind, by the line that has the right one", () => {
  expect(says(`\n${line("box", other)}`, "box")).toMatch(
    /^the host key of box is SHA256:\S+, want SHA256:\S+ as in file:2: somebody may be in between$/,
  );
  expect(says(line("box", rsa), "box")).toMatch(/as in file:1/);
  expect(says(`${line("box", rsa)}\n${line("box", ed)}`, "box")).toBe("known");
});

test("judge() refuses a revoked key, whatever else is said of it, and only that key", () => {
  const text = `${line("box", ed)}\n${line("*", ed, "@revoked ")}`;
  expect(says(text, "box")).toMatch(/^the host key SHA256:\S+ of box is revoked by file:2$/);
  expect(says(text, "box", 2222)).toMatch(/revoked/);
  expect(says(`${line("box", other)}\n${line("*", ed, "@revoked ")}`, "box", 22, other)).toBe("known");
});

test("parseKnownHosts() leaves out what it can't read, and certificate authorities", () => {
  const text = [
    "",
    "box",
    "box ssh-ed25519",
    "box ssh-ed25519 not-a-key",
    `box ssh-rsa ${ed.toString("base64")}`,
    line("box", ed, "@cert-authority "),
    `${line("box", ed)}\r`,
  ].join("\n");
  expect(parseKnownHosts(text, "file").map(({ place }) => place)).toEqual(["file:7"]);
});

test("knownTypes() are those of the server itself, revoked ones excluded", () => {
  const text = `${line("box", rsa)}\n${line("box", ed, "@revoked ")}\n${line("fox", ed)}`;
  expect(knownTypes(parseKnownHosts(text, "file"), { host: "box", port: 22 })).toEqual(["ssh-rsa"]);
});

test("remember() makes the file for its owner, ends a line that had no end, and is read again", () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-known-"));
  try {
    const file = join(folder, "ssh", "known_hosts");
    remember(file, { host: "Box", port: 2222 }, ed);
    expect([statSync(file).mode & 0o777, statSync(join(folder, "ssh")).mode & 0o777]).toEqual([0o600, 0o700]);
    writeFileSync(file, readFileSync(file, "utf8").trimEnd());
    remember(file, { host: "fox", port: 22 }, rsa);
    const known = readKnownHosts([join(folder, "none"), file]);
    expect(judge(known, { host: "box", port: 2222 }, ed)).toEqual({ kind: "known" });
    expect(judge(known, { host: "fox", port: 22 }, rsa)).toEqual({ kind: "known" });
    expect(() => readKnownHosts([folder])).toThrow(/EISDIR/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
