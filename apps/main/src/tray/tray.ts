import { app, Menu, Tray, type MenuItemConstructorOptions } from "electron";
import { jsonLines } from "@longshore/client";
import type { EngineEvent } from "@longshore/protocol";
import { act } from "../bridge/act.ts";
import type { Supervisor } from "../engines/supervisor.ts";
import { trayIcon } from "./icon.ts";
import { trayMenu, type TrayAction, type TrayEntry } from "./menu.ts";

const GATHER_MS = 250;

/** The icon with its menu, kept fresh by the engine's events until `signal` aborts. Make one only where a host shows it. */
export function openTray(supervisor: Supervisor, show: (address: string) => void, signal: AbortSignal): Tray {
  const tray = new Tray(trayIcon());
  tray.setToolTip("Longshore");
  tray.on("click", () => show(""));
  const run = (does: TrayAction): void => {
    switch (does.kind) {
      case "show":
        show(does.id === undefined ? "" : `#/containers/${does.id}`);
        break;
      case "quit":
        app.quit();
        break;
      case "act":
        // What came of it shows in the menu; a failure shows in the window that opens.
        void act(supervisor.docker, does.id, does.action, signal).catch(() =>
          show(`#/containers/${does.id}`),
        );
        break;
    }
  };
  const item = (entry: TrayEntry): MenuItemConstructorOptions => ({
    label: entry.label,
    enabled: entry.isEnabled,
    ...(entry.below === undefined ? {} : { submenu: entry.below.map(item) }),
    click: () => {
      if (entry.does !== undefined) run(entry.does);
    },
  });
  const paint = async (): Promise<void> => {
    const { state } = supervisor;
    const rows =
      state.phase === "ready"
        ? await supervisor.docker.listContainers({ all: true, abortSignal: signal }).catch(() => [])
        : [];
    if (!tray.isDestroyed()) tray.setContextMenu(Menu.buildFromTemplate(trayMenu(state, rows).map(item)));
  };
  let gather: NodeJS.Timeout | undefined;
  const soon = (): void => {
    gather ??= setTimeout(() => {
      gather = undefined;
      void paint();
    }, GATHER_MS);
  };
  let isFollowing = false;
  const follow = async (): Promise<void> => {
    if (isFollowing) return;
    isFollowing = true;
    try {
      const events = await supervisor.docker.getEvents({
        filters: { type: ["container"] },
        abortSignal: signal,
      });
      for await (const _event of jsonLines<EngineEvent>(events)) soon();
    } catch {
      // The engine is away; the supervisor says when it is back.
    } finally {
      isFollowing = false;
    }
  };
  const watch = supervisor.watch((state) => {
    soon();
    if (state.phase === "ready") void follow();
  });
  signal.addEventListener(
    "abort",
    () => {
      watch[Symbol.dispose]();
      clearTimeout(gather);
      tray.destroy();
    },
    { once: true },
  );
  soon();
  if (supervisor.state.phase === "ready") void follow();
  return tray;
}
