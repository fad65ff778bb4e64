import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { create, type StoreApi, type UseBoundStore } from "zustand";
import { call, openStream, type OpenStream } from "../../bridge/bridge.ts";
import { terminalTheme } from "./theme.ts";

/** A terminal that lives on while the window shows other things. */
export interface Session {
  readonly key: string;
  readonly containerId: string;
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
const streams = new Map<string, OpenStream>();
let nextKey = 1;

function change(key: string, part: Partial<Session>): void {
  useSessions.setState(({ sessions }) => ({
    sessions: sessions.map((one) => (one.key === key ? { ...one, ...part } : one)),
  }));
}

/** Opens a shell (found by trying) or attaches to the main process. */
export async function openSession(containerId: string, kind: "shell" | "attach"): Promise<string> {
  const key = `terminal-${nextKey++}`;
  const element = document.createElement("div");
  element.className = "terminal-host";
  const terminal = new Terminal({
    scrollback: SCROLLBACK,
    fontFamily: '"JetBrains Mono Variable", monospace',
    fontSize: 13,
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
  const title = kind === "shell" ? "Shell" : "Main process";
  const session: Session = { key, containerId, title, terminal, fit, element, state: "opening", ending: "" };
  useSessions.setState(({ sessions }) => ({ sessions: [...sessions, session] }));
  terminal.open(element);
  try {
    await connect(key, containerId, kind, terminal);
  } catch (error) {
    end(key, error instanceof Error ? error.message : String(error));
  }
  return key;
}

async function connect(key: string, id: string, kind: "shell" | "attach", terminal: Terminal): Promise<void> {
  const handlers = {
    onItem: ({ bytes }: { readonly bytes: Uint8Array }) => {
      change(key, { state: "open" });
      // The credit goes back when xterm has taken the bytes: a flood waits in the engine, not here.
      return new Promise<void>((done) => terminal.write(bytes, done));
    },
    onEnd: ({ exitCode }: { readonly exitCode: number | null }) =>
      end(key, exitCode === null ? "The connection ended." : `Ended with exit code ${exitCode}.`),
    onError: (error: Error) => end(key, error.message),
  };
  const size = { columns: terminal.cols, rows: terminal.rows };
  let stream: OpenStream;
  if (kind === "shell") {
    const { command } = await call("containers.detectShell", { id });
    if (command === null) {
      end(
        key,
        "This image holds no shell (bash, ash and sh were tried). Use Files to look inside, or attach to the main process.",
      );
      return;
    }
    change(key, { title: command[0]?.split("/").at(-1) ?? "Shell" });
    stream = openStream("exec", { id, command, ...size }, handlers);
  } else stream = openStream("attach", { id, ...size }, handlers);
  streams.set(key, stream);
  change(key, { state: "open" });
  const encoder = new TextEncoder();
  terminal.onData((text) => stream.send(encoder.encode(text)));
  terminal.onBinary((text) => stream.send(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
  terminal.onResize(({ cols, rows }) => stream.resize(cols, rows));
}

function end(key: string, ending: string): void {
  streams.delete(key);
  change(key, { state: "ended", ending });
}

export function closeSession(key: string): void {
  streams.get(key)?.close();
  streams.delete(key);
  const { sessions } = useSessions.getState();
  sessions.find((one) => one.key === key)?.terminal.dispose();
  useSessions.setState({ sessions: sessions.filter((one) => one.key !== key) });
}
