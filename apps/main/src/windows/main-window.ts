import { app, BrowserWindow, nativeTheme, screen } from "electron";
import { join } from "node:path";
import { windowOrigin } from "../scheme.ts";
import type { SettingsFile } from "../settings.ts";

import { leastSize, readWindowState, writeWindowState } from "./window-state.ts";

/** The one window, where it was before. Shown once it has painted, so that nobody sees a white flash. */
export function openMainWindow(settings: SettingsFile): BrowserWindow {
  nativeTheme.themeSource = settings.value.theme;
  const statePath = join(app.getPath("userData"), "window.json");
  const state = readWindowState(
    statePath,
    screen.getAllDisplays().map((display) => display.workArea),
  );
  const window = new BrowserWindow({
    ...state.bounds,
    minWidth: leastSize.width,
    minHeight: leastSize.height,
    show: false,
    title: "Longshore",
    backgroundColor: nativeTheme.shouldUseDarkColors ? "#0E1519" : "#F6F8F9",
    webPreferences: {
      preload: join(app.getAppPath(), "preload.cjs"),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webviewTag: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools: !app.isPackaged,
    },
  });
  if (state.isMaximized) window.maximize();
  window.once("ready-to-show", () => window.show());
  window.on("close", () =>
    writeWindowState(statePath, { bounds: window.getNormalBounds(), isMaximized: window.isMaximized() }),
  );
  window.on("page-title-updated", (event) => event.preventDefault());
  void window.loadURL(`${windowOrigin}/`);
  return window;
}
