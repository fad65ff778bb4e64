import type { App, Session, WebContents } from "electron";
import { windowOrigin } from "./scheme.ts";

const GRANTED: ReadonlySet<string> = new Set(["clipboard-sanitized-write", "notifications"]);

/** Whether a page of `origin` may have `permission`: ours may write the clipboard and notify, nobody anything else. */
export function mayHave(permission: string, origin: string): boolean {
  return GRANTED.has(permission) && origin.replace(/\/$/, "") === windowOrigin;
}

/** Permissions (Electron grants all by default), and every request that is not ours. */
export function hardenSession(session: Session): void {
  session.setPermissionRequestHandler((_contents, permission, decide, details) =>
    decide(mayHave(permission, originOf(details.requestingUrl))),
  );
  session.setPermissionCheckHandler((_contents, permission, origin) => mayHave(permission, origin));
  session.setDevicePermissionHandler(() => false);
  session.webRequest.onBeforeRequest((details, decide) =>
    decide({ cancel: !/^(app|devtools|data|blob):/.test(details.url) }),
  );
  session.on("will-download", (event) => event.preventDefault());
}

/** No page navigates, opens windows or attaches webviews; links leave only through the bridge's `links.open`. */
export function hardenContents(app: App): void {
  app.on("web-contents-created", (_event, contents: WebContents) => {
    const deny = (event: { preventDefault(): void }): void => event.preventDefault();
    contents.on("will-navigate", deny);
    contents.on("will-frame-navigate", deny);
    contents.on("will-redirect", deny);
    contents.on("will-attach-webview", deny);
    contents.setWindowOpenHandler(() => ({ action: "deny" }));
  });
}

function originOf(address: string): string {
  try {
    const url = new URL(address);
    return `${url.protocol}//${url.host}`;
  } catch {
    return "";
  }
}

/**
 * Chromium's network service without a process of its own (17 MiB): this page loads nothing from a network, every request but those for
 * our own files is refused, so there is no foreign answer that a process of its own would keep apart. Must run before the app is ready.
 */
export function keepNetworkInside({ commandLine }: Pick<App, "commandLine">): void {
  const given = commandLine.getSwitchValue("enable-features");
  const features = given === "" ? [] : given.split(",");
  commandLine.appendSwitch("enable-features", [...features, "NetworkServiceInProcess2"].join(","));
}
