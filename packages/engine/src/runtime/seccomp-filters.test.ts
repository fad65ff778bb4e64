import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RuntimeDocument } from "#spec";
import { SeccompFilters } from "./seccomp-filters.ts";

const NAME = "run.oci.seccomp_bpf_data";
const compiled = Buffer.alloc(16, 1);
let folder = "";
let file = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "longshore-seccomp-"));
  file = path.join(folder, "seccomp.bpf");
  writeFileSync(file, compiled);
});
afterEach(() => rmSync(folder, { recursive: true }));

const documentOf = (seccomp: object | undefined, annotations?: Record<string, string>): RuntimeDocument =>
  ({ linux: { seccomp }, ...(annotations !== undefined && { annotations }) }) as unknown as RuntimeDocument;

describe("SeccompFilters", () => {
  test("gives what was compiled once to each later document with the same section, and to no other", () => {
    const filters = new SeccompFilters();
    const first = documentOf({ defaultAction: "SCMP_ACT_ERRNO" });
    expect(filters.attach(first)).toBe(first);
    filters.learn(first, file);
    const later = filters.attach(documentOf({ defaultAction: "SCMP_ACT_ERRNO" }, { mine: "stays" }));
    expect(later.annotations).toEqual({ mine: "stays", [NAME]: compiled.toString("base64") });
    expect(later.linux.seccomp).toEqual({ defaultAction: "SCMP_ACT_ERRNO" });
    for (const other of [documentOf({ defaultAction: "SCMP_ACT_ALLOW" }), documentOf(undefined)])
      expect(filters.attach(other)).toBe(other);
  });

  test("a program that a request brings stays its own", () => {
    const filters = new SeccompFilters();
    const foreign = documentOf({ defaultAction: "SCMP_ACT_ERRNO" }, { [NAME]: "Zm9yZWlnbg==" });
    filters.learn(filters.attach(foreign), file);
    const plain = documentOf({ defaultAction: "SCMP_ACT_ERRNO" });
    expect(filters.attach(plain)).toBe(plain);
    filters.learn(plain, file);
    expect(filters.attach(foreign)).toBe(foreign);
  });

  test("learns nothing from what is no whole program or is gone", () => {
    const filters = new SeccompFilters();
    const document = documentOf({ defaultAction: "SCMP_ACT_ERRNO" });
    writeFileSync(file, Buffer.alloc(12));
    filters.learn(document, file);
    filters.learn(document, path.join(folder, "absent"));
    expect(filters.attach(document)).toBe(document);
  });
});
