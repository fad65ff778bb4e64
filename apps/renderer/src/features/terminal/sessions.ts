import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { create, type StoreApi, type UseBoundStore } from "zustand";
import { call, openStream, type OpenStream } from "../../bridge/bridge.ts";
import { terminalTheme } from "./theme.ts";

export type SessionKind = "shell" | "attach";

/** A terminal that lives on while the window shows other things. */
export interface Session {
  readonly key: string;
  readonly containerId: string;
  readonly kind: SessionKind;
  readonly title: string;
  readonly terminal: Terminal;
  readonly fit: FitAddon;
  /** Holds the terminal; it is moved into the page that shows it. */
  readonly element: HTMLElement;
  readonly state: "opening" | "open" | "ended";
  readonly ending: string;
}

export const useSessions: UseBoundStore<StoreApi<{ readonly sessions: readonly Session[] }>> = create<{
  readonly sessions: readonly Session[];
}>(() => ({ sessions: [] }));

const SCROLLBACK = 10_000;
const FONT = "JetBrains Mono Variable";
const FONT_PX = 13;
const streams = new Map<string, OpenStream>();
let nextKey = 1;

function change(key: string, part: Partial<Session>): void {
  useSessions.setState(({ sessions }) => ({
    sessions: sessions.map((one) => (one.key === key ? { ...one, ...part } : one)),
  }));
}

const placed = new Map<string, () => void>();

/** Opens a shell (found by trying) or attaches to the main process; connects once the page shows it, so its size is known. */
export function openSession(containerId: string, kind: SessionKind): string {
  const key = `terminal-${nextKey++}`;
  const element = document.createElement("div");
  element.className = "terminal-host";
  const terminal = new Terminal({
    scrollback: SCROLLBACK,
    fontFamily: `"${FONT}", monospace`,
    fontSize: FONT_PX,
    minimumContrastRatio: 4.5,
    cursorBlink: false,
    allowProposedApi: false,
    theme: terminalTheme(),
    // Links, titles and clipboard writes of a container's output are not obeyed.
    linkHandler: { activate: () => undefined },
    windowOptions: {},
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.parser.registerOscHandler(52, () => true);
  terminal.parser.registerOscHandler(8, () => true);
  const encoder = new TextEncoder();
  terminal.onData((text) => streams.get(key)?.send(encoder.encode(text)));
  terminal.onBinary((text) =>
    streams.get(key)?.send(Uint8Array.from(text, (letter) => letter.charCodeAt(0))),
  );
  terminal.onResize(({ cols, rows }) => streams.get(key)?.resize(cols, rows));
  const title = kind === "shell" ? "Shell" : "Main process";
  const session: Session = {
    key,
    containerId,
    kind,
    title,
    terminal,
    fit,
    element,
    state: "opening",
    ending: "",
  };
  const { promise: isPlaced, resolve } = Promise.withResolvers<void>();
  placed.set(key, resolve);
  useSessions.setState(({ sessions }) => ({ sessions: [...sessions, session] }));
  void isPlaced
    .then(() => connect(session))
    .catch((error: unknown) => end(key, error instanceof Error ? error.message : String(error)));
  return key;
}

/** The page has put the session's element in its place. */
export function placeSession(key: string): void {
  placed.get(key)?.();
  placed.delete(key);
}

async function connect({ key, containerId: id, kind, terminal, fit, element }: Session): Promise<void> {
  // xterm measures its cell once, when it opens: with the fallback font the size would be wrong for good.
  await document.fonts.load(`${FONT_PX}px "${FONT}"`);
  if (isClosed(key)) return;
  terminal.open(element);
  fit.fit();
  terminal.focus();
  const handlers = {
    onItem: ({ bytes }: { readonly bytes: Uint8Array }) =>
      // The credit goes back when xterm has taken the bytes: a flood waits in the engine, not here.
      new Promise<void>((done) => terminal.write(bytes, done)),
    onEnd: ({ exitCode }: { readonly exitCode: number | null }) =>
      end(key, exitCode === null ? "The connection ended." : `Ended with exit code ${exitCode}.`),
    onError: (error: Error) => end(key, error.message),
  };
  if (kind === "attach") {
    follow(key, openStream("attach", { id, columns: terminal.cols, rows: terminal.rows }, handlers));
    return;
  }
  const { command } = await call("containers.detectShell", { id });
  if (command === null) {
    end(
      key,
      "This image holds no shell (bash, ash and sh were tried). Use Files to look inside, or attach to the main process.",
    );
    return;
  }
  change(key, { title: command[0]?.split("/").at(-1) ?? "Shell" });
  follow(key, openStream("exec", { id, command, columns: terminal.cols, rows: terminal.rows }, handlers));
}

function follow(key: string, stream: OpenStream): void {
  if (isClosed(key)) stream.close();
  else {
    streams.set(key, stream);
    change(key, { state: "open" });
  }
}

function isClosed(key: string): boolean {
  return !useSessions.getState().sessions.some((one) => one.key === key);
}

function end(key: string, ending: string): void {
  streams.delete(key);
  change(key, { state: "ended", ending });
}

export function closeSession(key: string): void {
  streams.get(key)?.close();
  streams.delete(key);
  placed.delete(key);
  const { sessions } = useSessions.getState();
  sessions.find((one) => one.key === key)?.terminal.dispose();
  useSessions.setState({ sessions: sessions.filter((one) => one.key !== key) });
}
