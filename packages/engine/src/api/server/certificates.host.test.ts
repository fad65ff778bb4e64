import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, type Issued, makeAuthority } from "@longshore/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCertificates } from "./certificates.ts";

let folder = "";
let authority: Authority;
let own: Issued;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "longshore-certificates-"));
  authority = makeAuthority(folder);
  own = authority.issue("engine");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};
const files = (
  changed: object = {},
): { readonly tlscert: string; readonly tlskey: string; readonly tlscacert: string } => ({
  tlscert: own.cert,
  tlskey: own.key,
  tlscacert: authority.ca,
  ...changed,
});

describe("readCertificates()", () => {
  test("answers what fits together, and whose clients are let in", async () => {
    const { cert, key, clientCa, warnings } = await readCertificates(files());
    expect(
      [cert, key, ...(clientCa ?? [])].map((text) => /-----BEGIN ([\w ]+)-----/.exec(text)?.[1]),
    ).toEqual(["CERTIFICATE", "PRIVATE KEY", "CERTIFICATE"]);
    expect(warnings).toEqual([]);
    expect((await readCertificates({ tlscert: own.cert, tlskey: own.key })).clientCa).toBeUndefined();
  });

  test("warns of a private key that others may read", async () => {
    const open = authority.issue("open");
    chmodSync(open.key, 0o644);
    const { warnings } = await readCertificates({ tlscert: open.cert, tlskey: open.key });
    expect(warnings).toEqual([
      `--tlskey "${open.key}" has mode 644: others may read the private key, want 600 or less`,
    ]);
  });

  test.for<[what: string, changed: () => object, message: RegExp]>([
    [
      "a certificate that isn't there",
      () => ({ tlscert: "/no/cert" }),
      /^--tlscert "\/no\/cert": there is no such file, want/,
    ],
    [
      "a key that isn't there",
      () => ({ tlskey: "/no/key" }),
      /^--tlskey "\/no\/key": there is no such file, want/,
    ],
    [
      "an authority that isn't there",
      () => ({ tlscacert: "/no/ca" }),
      /^--tlscacert "\/no\/ca": there is no such file/,
    ],
    ["a folder", () => ({ tlscert: folder }), /^--tlscert ".*": .*EISDIR.*, want the server's certificate/],
    [
      "a certificate that is none",
      () => ({ tlscert: written("none.pem", "x") }),
      /none\.pem": no certificate in it/,
    ],
    [
      "a damaged certificate",
      () => ({
        tlscacert: written("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
      }),
      /^--tlscacert ".*bad\.pem": damaged certificate/,
    ],
    [
      "a key that is none",
      () => ({ tlskey: own.cert }),
      /^--tlskey ".*engine\.pem": no readable private key/,
    ],
    [
      "another's key",
      () => ({ tlskey: authority.issue("other").key }),
      /^--tlskey ".*other\.key": not the private key of .*engine\.pem"/,
    ],
  ])("refuses %s by flag and file", async ([, changed, message]) => {
    await expect(readCertificates(files(changed()))).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringMatching(message) as string,
    });
  });
});
