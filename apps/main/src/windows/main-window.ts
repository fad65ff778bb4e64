import { app, BrowserWindow, nativeTheme } from "electron";
import { join } from "node:path";
import { windowOrigin } from "../scheme.ts";
import type { SettingsFile } from "../settings.ts";

/** The one window. Shown once it has painted, so that nobody sees a white flash. */
export function openMainWindow(settings: SettingsFile): BrowserWindow {
  nativeTheme.themeSource = settings.value.theme;
  const window = new BrowserWindow({
    width: 1180,
    height: 760,
    minWidth: 640,
    minHeight: 600,
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
  window.once("ready-to-show", () => window.show());
  window.on("page-title-updated", (event) => event.preventDefault());
  void window.loadURL(`${windowOrigin}/`);
  return window;
}
