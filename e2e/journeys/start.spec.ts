import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, errors, expect, test } from "@playwright/test";
import { Docker } from "@longshore/client";
import { look } from "./fixture.ts";
import { endEngine, enginePid, openWindowPlace } from "./window-under-test.ts";

const root = join(import.meta.dirname, "../..");

test("a start that fails names its step, shows the engine's words, and works after Try again", async () => {
  await using place = await openWindowPlace();
  const flag = join(place.folder, "mended");
  const node = join(place.folder, "node");
  const real = join(root, "node_modules/.bin/node");
  writeFileSync(
    node,
    `#!/bin/sh\n[ -e ${flag} ] && exec ${real} "$@"\necho "longshore-engine: /dev/net/tun is missing" >&2\nexit 3\n`,
    { mode: 0o755 },
  );
  const roots = [`--data-root=${join(place.folder, "data")}`, `--state-root=${join(place.folder, "state")}`];
  const app = await place.launch(roots, { LONGSHORE_NODE: node });
  try {
    const page = await app.firstWindow();
    await expect(page.getByRole("heading", { name: "The engine did not start" })).toBeVisible();
    await expect(page.getByText("The engine ended at once (exit code 3).")).toBeVisible();
    await expect(page.getByLabel("Engine log")).toContainText("/dev/net/tun is missing");
    await look(page, "start-failed");
    writeFileSync(flag, "");
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByText("Engine ready")).toBeVisible({ timeout: 30_000 });
    await page.getByRole("link", { name: /^Engine/ }).click();
    await expect(page.getByText("this window; it stays when the window closes")).toBeVisible();

    // An engine that dies comes back by itself, and the window says what it sees meanwhile.
    const before = enginePid(join(place.folder, "state"));
    process.kill(before ?? 0, "SIGKILL");
    await expect(page.getByText("Engine lost, looking for it…")).toBeVisible();
    await expect(page.getByText("Engine ready")).toBeVisible({ timeout: 30_000 });
    expect(enginePid(join(place.folder, "state"))).not.toBe(before);
  } finally {
    await app.close();
  }
});

test("the start screen names its steps while it waits", async () => {
  await using place = await openWindowPlace();
  const node = join(place.folder, "node");
  const pidFile = join(place.folder, "pid");
  writeFileSync(node, `#!/bin/sh\necho $$ > ${pidFile}\nexec sleep 600\n`, { mode: 0o755 });
  const state = join(place.folder, "state");
  const app = await place.launch([`--data-root=${join(place.folder, "data")}`, `--state-root=${state}`], {
    LONGSHORE_NODE: node,
  });
  try {
    const page = await app.firstWindow();
    await expect(page.getByRole("heading", { name: "Starting the engine" })).toBeVisible();
    await expect(page.getByRole("listitem").filter({ hasText: "Wait for its answer" })).toContainText(
      "Running",
    );
    await expect(page.getByRole("listitem").filter({ hasText: "Look for a running engine" })).toContainText(
      "none is running",
    );
    await look(page, "start-waiting");
  } finally {
    process.kill(Number(readFileSync(pidFile, "utf8")));
    await app.close();
  }
});

test("the window is one, and comes back where it was", async () => {
  await using place = await openWindowPlace();
  const nobody = [`--socket=${join(place.folder, "none.sock")}`];
  const app = await place.launch(nobody);
  const page = await app.firstWindow();
  await expect(page.getByText(/^Nobody answers at/)).toBeVisible();
  await expect(page.getByText(/start Longshore without --socket/)).toBeVisible();
  await app.evaluate(({ BrowserWindow }) => {
    const [window] = BrowserWindow.getAllWindows();
    window?.setBounds({ x: 60, y: 40, width: 900, height: 640 });
    window?.minimize();
  });
  const second = spawn(place.runtime, [place.appFolder, ...place.flags, ...nobody], {
    env: place.env,
    stdio: "ignore",
  });
  const [code] = (await once(second, "exit")) as [number];
  expect(code).toBe(0);
  await expect
    .poll(() =>
      app.evaluate(({ BrowserWindow }) => {
        const windows = BrowserWindow.getAllWindows();
        return [windows.length, windows[0]?.isVisible(), windows[0]?.isMinimized()];
      }),
    )
    .toEqual([1, true, false]);
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close());
  await app.close().catch(() => undefined);
  const again = await place.launch(nobody);
  await again.firstWindow();
  const bounds = await again.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getBounds());
  expect(bounds).toEqual({ x: 60, y: 40, width: 900, height: 640 });
  await again.close();
});

test("npm start's second half opens a window without a display, leaves the engine, and joins it the next time", async () => {
  test.setTimeout(120_000);
  await using place = await openWindowPlace();
  const state = join(place.folder, "state");
  const start = (): { readonly text: () => string } & AsyncDisposable => {
    const { DISPLAY: _none, WAYLAND_DISPLAY: _nor, ...env } = process.env;
    const child = spawn(
      process.execPath,
      [
        join(root, "tools/start.ts"),
        `--data-root=${join(place.folder, "data")}`,
        `--state-root=${state}`,
        `--user-data-dir=${join(place.folder, "user")}`,
        "--remote-debugging-port=0",
        // The port is told in a line of this level.
        "--log-level=0",
      ],
      { env, stdio: ["ignore", "pipe", "pipe"] },
    );
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
    return {
      text: () => text,
      [Symbol.asyncDispose]: async () => {
        child.kill("SIGTERM");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      },
    };
  };
  /** Connects as a debugger would, and looks who started the engine. */
  const see = async (text: () => string, startedBy: string): Promise<void> => {
    await expect.poll(text, { timeout: 30_000 }).toContain("DevTools listening on");
    const address = /DevTools listening on (ws:\S+)/.exec(text())?.[1] ?? "";
    const browser = await connect(address);
    try {
      const [context] = browser.contexts();
      await expect.poll(() => context?.pages().length).toBe(1);
      const page = context?.pages()[0];
      if (page === undefined) throw new Error("no page");
      await expect(page.getByText("Engine ready")).toBeVisible({ timeout: 30_000 });
      await page.getByRole("link", { name: /^Engine/ }).click();
      await expect(page.getByText(startedBy)).toBeVisible();
    } finally {
      await browser.close();
    }
  };
  {
    await using first = start();
    await see(first.text, "this window; it stays when the window closes");
    expect(first.text()).toMatch(/no display here, the window opens on the virtual display :\d+ \(Xvfb\)/);
  }
  const pid = enginePid(state);
  expect(pid).toBeDefined();
  expect(await new Docker({ socketPath: join(state, "engine.sock") }).ping()).toBe("OK");
  {
    await using second = start();
    await see(second.text, "somebody else; this window joined");
    expect(enginePid(state)).toBe(pid);
  }
  await endEngine(state);
  expect(enginePid(state)).toBeUndefined();
});

/** A debugger that comes while the page is being made may wait for it in vain: it comes again. */
async function connect(address: string): Promise<Browser> {
  for (let triesLeft = 2; triesLeft > 0; triesLeft--) {
    try {
      return await chromium.connectOverCDP(address, { timeout: 10_000 });
    } catch (error) {
      if (!(error instanceof errors.TimeoutError)) throw error;
    }
  }
  return await chromium.connectOverCDP(address);
}
