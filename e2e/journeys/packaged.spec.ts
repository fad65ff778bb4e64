import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { chromium, expect, test } from "@playwright/test";
import { FuseState, FuseV1Options, getCurrentFuseWire } from "@electron/fuses";
import { packageApp } from "../../tools/package.ts";
import { enginePid, openWindowPlace } from "./window-under-test.ts";

let folder = "";
test.beforeAll(async () => {
  test.setTimeout(180_000);
  folder = await packageApp();
});

test("the packaged program has its fuses set as promised, and they hold", async () => {
  const wire = await getCurrentFuseWire(join(folder, "longshore"));
  const isOn = (option: FuseV1Options): boolean => wire[option] === FuseState.ENABLE;
  expect({
    runAsNode: isOn(FuseV1Options.RunAsNode),
    nodeOptions: isOn(FuseV1Options.EnableNodeOptionsEnvironmentVariable),
    inspect: isOn(FuseV1Options.EnableNodeCliInspectArguments),
    onlyAsar: isOn(FuseV1Options.OnlyLoadAppFromAsar),
    asarIntegrity: isOn(FuseV1Options.EnableEmbeddedAsarIntegrityValidation),
    cookieEncryption: isOn(FuseV1Options.EnableCookieEncryption),
    filePrivileges: isOn(FuseV1Options.GrantFileProtocolExtraPrivileges),
  }).toEqual({
    runAsNode: false,
    nodeOptions: false,
    inspect: false,
    onlyAsar: true,
    asarIntegrity: true,
    cookieEncryption: true,
    filePrivileges: false,
  });
  const asNode = spawnSync(join(folder, "longshore"), ["-e", "console.log('ran as node')", "--no-sandbox"], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", DISPLAY: "" },
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(asNode.stdout).not.toContain("ran as node");
});

test("the packaged program opens, and runs the engine that lies beside it", async () => {
  await using place = await openWindowPlace();
  const state = join(place.folder, "state");
  const child = spawn(
    join(folder, "longshore"),
    [
      ...place.flags,
      `--data-root=${join(place.folder, "data")}`,
      `--state-root=${state}`,
      "--remote-debugging-port=0",
      "--inspect=0",
    ],
    { env: place.env, stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  try {
    await expect.poll(() => said, { timeout: 30_000 }).toMatch(/DevTools listening on/);
    expect(said).not.toContain("Debugger listening on");
    const browser = await chromium.connectOverCDP(/DevTools listening on (ws:\S+)/.exec(said)?.[1] ?? "");
    await expect.poll(() => browser.contexts()[0]?.pages().length).toBe(1);
    const page = browser.contexts()[0]?.pages()[0];
    if (page === undefined) throw new Error("no page");
    await expect(page.getByText("Engine ready")).toBeVisible({ timeout: 30_000 });
    expect(page.url()).toMatch(/^app:\/\/longshore\//);
    await expect(page.getByRole("button", { name: "Run a first container" })).toBeVisible();
    const pid = enginePid(state) ?? 0;
    expect(readlinkSync(`/proc/${pid}/exe`)).toBe(join(folder, "resources/engine/node"));
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toContain(join(folder, "resources/engine/main.js"));
    await browser.close();
  } finally {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
});
