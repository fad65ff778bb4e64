import { app, BrowserWindow, Menu, session } from "electron";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openBridge } from "./bridge/wrapper.ts";
import { callTable } from "./bridge/calls.ts";
import { streamTable } from "./bridge/stream-table.ts";
import { Supervisor } from "./engines/supervisor.ts";
import { enginePlan } from "./engines/plan.ts";
import { hardenContents, hardenSession, keepNetworkInside } from "./hardening.ts";
import { registerScheme, serveWindow, windowOrigin } from "./scheme.ts";
import { SettingsFile } from "./settings.ts";
import { hasTrayHost } from "./tray/host.ts";
import { openTray } from "./tray/tray.ts";
import { openMainWindow } from "./windows/main-window.ts";

// Chromium refuses its own sandbox to root; whoever starts us as root passes --no-sandbox knowingly (tools/start.ts says so).
if (!app.commandLine.hasSwitch("no-sandbox")) app.enableSandbox();
keepNetworkInside(app);
registerScheme();
hardenContents(app);

if (!app.requestSingleInstanceLock({ pid: process.pid })) app.quit();
else {
  const supervisor = new Supervisor(enginePlan(process.argv, process.env, app.getAppPath()));
  const stop = new AbortController();
  const show = (address = ""): void => {
    const [window] = BrowserWindow.getAllWindows();
    if (window === undefined) return;
    if (window.isMinimized()) window.restore();
    window.show();
    window.focus();
    if (address !== "") void window.loadURL(`${windowOrigin}/${address}`);
  };
  let isQuitting = false;
  app.on("second-instance", () => show());
  app.on("before-quit", () => (isQuitting = true));
  app.on("window-all-closed", () => app.quit());
  app.on("will-quit", () => stop.abort(new Error("the window closed")));
  void app.whenReady().then(async () => {
    Menu.setApplicationMenu(null);
    hardenSession(session.defaultSession);
    serveWindow(join(app.getAppPath(), "web"));
    const [settings, isTrayThere, about] = await Promise.all([
      SettingsFile.open(join(app.getPath("userData"), "settings.json")),
      hasTrayHost(),
      // Not app.getVersion(): in development that is the number of Electron's own shell.
      readFile(join(app.getAppPath(), "package.json"), "utf8"),
    ]);
    const { version: appVersion } = JSON.parse(about) as { readonly version: string };
    const deps = { supervisor, settings, isTrayThere, appVersion, signal: stop.signal };
    openBridge(callTable(deps), streamTable(deps));
    const window = openMainWindow(settings);
    if (isTrayThere) openTray(supervisor, show, stop.signal);
    window.on("close", (event) => {
      if (isQuitting || !isTrayThere || !settings.value.staysInTray) return;
      event.preventDefault();
      window.hide();
    });
    await supervisor.run(stop.signal);
  });
}
