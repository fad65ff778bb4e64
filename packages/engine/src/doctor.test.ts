import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { checkHost, doctorText } from "./doctor.ts";

test("a host without tools is told everything at once, each with the package that helps", async () => {
  const checks = await checkHost(undefined, []);
  const missing = Object.fromEntries(
    checks.filter((check) => !check.isOk).map(({ name, detail }) => [name, detail]),
  );
  expect(missing).toMatchObject({
    "OCI runtime": "neither crun nor runc was found: install the package crun",
    nft: "nft was not found: install the package nftables",
    ps: "ps was not found: install the package procps",
    mount: "mount was not found: install the package mount",
    init: "docker run --init needs docker-init: install the package tini",
  });
  const text = doctorText(checks);
  expect(text.trimEnd().split("\n").length).toBe(checks.length);
  expect(text).toContain("MISSING nft: nft was not found");
  expect(text).toContain("absent  ps: ps was not found");
});

test("a runtime that does not run is missing, one that does is shown with its version", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "longshore-doctor-"));
  const runtimeIs = async (script: string): Promise<string | undefined> => {
    writeFileSync(path.join(folder, "crun"), script);
    chmodSync(path.join(folder, "crun"), 0o755);
    const check = (await checkHost(undefined, [folder])).find(({ name }) => name === "OCI runtime");
    return `${check?.isOk} ${check?.detail}`;
  };
  try {
    expect(await runtimeIs("#!/bin/sh\necho crun version 9.9\n")).toBe(
      `true ${folder}/crun: crun version 9.9`,
    );
    expect(await runtimeIs("#!/bin/sh\nexit 1\n")).toMatch(
      /^false .*install the package crun, or name another/,
    );
    const named = await checkHost("/nowhere/crun", [folder]);
    expect(named.find(({ name }) => name === "OCI runtime")?.isOk).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
