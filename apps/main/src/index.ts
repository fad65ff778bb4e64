import { app, BrowserWindow, Menu, nativeTheme, session } from "electron";
import { join } from "node:path";
import { openBridge } from "./bridge/wrapper.ts";
import { callTable } from "./bridge/calls.ts";
import { streamTable } from "./bridge/stream-table.ts";
import { Supervisor } from "./engines/supervisor.ts";
import { enginePlan } from "./engines/plan.ts";
import { hardenContents, hardenSession } from "./hardening.ts";
import { registerScheme, serveWindow } from "./scheme.ts";
import { SettingsFile } from "./settings.ts";
import { openMainWindow } from "./windows/main-window.ts";

// Chromium refuses its own sandbox to root; whoever starts us as root passes --no-sandbox knowingly (tools/start.ts says so).
if (!app.commandLine.hasSwitch("no-sandbox")) app.enableSandbox();
registerScheme();
hardenContents(app);

if (!app.requestSingleInstanceLock({ pid: process.pid })) app.quit();
else {
  const supervisor = new Supervisor(enginePlan(process.argv, process.env, app.getAppPath()));
  const stop = new AbortController();
  app.on("second-instance", () => {
    const [window] = BrowserWindow.getAllWindows();
    if (window?.isMinimized() === true) window.restore();
    window?.focus();
  });
  app.on("window-all-closed", () => app.quit());
  app.on("will-quit", () => stop.abort(new Error("the window closed")));
  void app.whenReady().then(async () => {
    Menu.setApplicationMenu(null);
    hardenSession(session.defaultSession);
    serveWindow(join(app.getAppPath(), "web"));
    const settings = await SettingsFile.open(join(app.getPath("userData"), "settings.json"));
    nativeTheme.themeSource = settings.value.theme;
    const deps = { supervisor, settings, signal: stop.signal };
    openBridge(callTable(deps), streamTable(deps));
    openMainWindow(settings);
    await supervisor.run(stop.signal);
  });
}
