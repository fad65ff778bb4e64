import "@xterm/xterm/css/xterm.css";
import { Button, EmptyState, IconButton } from "@longshore/ui";
import { X } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import {
  closeSession,
  openSession,
  placeSession,
  useSessions,
  type Session,
  type SessionKind,
} from "./sessions.ts";
import { recolorTerminal } from "./theme.ts";

const chosenByContainer = new Map<string, string>();

/** The terminals of one container: several at once, each alive until closed. */
export default function TerminalTab({
  id,
  name,
  isRunning,
}: {
  readonly id: string;
  readonly name: string;
  readonly isRunning: boolean;
}): ReactElement {
  const all = useSessions((state) => state.sessions);
  const sessions = all.filter((one) => one.containerId === id);
  const [chosen, setChosen] = useState(chosenByContainer.get(id) ?? "");
  const shown = sessions.find((one) => one.key === chosen) ?? sessions.at(-1);
  const choose = (key: string): void => {
    chosenByContainer.set(id, key);
    setChosen(key);
  };
  const open = (kind: SessionKind): void => choose(openSession(id, kind));
  const hasOpened = useRef(false);
  useEffect(() => {
    // Coming here means wanting a shell: the first one opens by itself.
    if (hasOpened.current || !isRunning || sessions.length > 0) return;
    hasOpened.current = true;
    open("shell");
  });
  return (
    <div className="fill">
      <div className="toolbar sub">
        {sessions.map((session, at) => (
          <span key={session.key} className="session">
            <Button
              className="small"
              aria-pressed={session.key === shown?.key}
              onClick={() => choose(session.key)}
            >
              {at + 1} {session.title}
              {session.state === "ended" && <span className="dim"> (ended)</span>}
            </Button>
            <IconButton
              className="small"
              label={`Close terminal ${at + 1}`}
              onClick={() => closeSession(session.key)}
            >
              <X size={14} />
            </IconButton>
          </span>
        ))}
        <span className="grow" />
        {shown?.state === "ended" && isRunning && (
          <Button
            className="small"
            look="primary"
            onClick={() => {
              closeSession(shown.key);
              open(shown.kind);
            }}
          >
            Open again
          </Button>
        )}
        <Button className="small" disabled={!isRunning} onClick={() => open("shell")}>
          New shell
        </Button>
        <Button
          className="small"
          disabled={!isRunning}
          title="Its own input and output"
          onClick={() => open("attach")}
        >
          Attach to the main process
        </Button>
      </div>
      {shown === undefined ? (
        <EmptyState title={isRunning ? "No terminal is open" : `${name} is not running`}>
          {isRunning
            ? "Open a shell, or attach to the main process."
            : "A terminal needs a running container. Start it first."}
        </EmptyState>
      ) : (
        <TerminalPane key={shown.key} session={shown} name={name} />
      )}
      <div className="log-foot dim" role="status">
        {shown?.state === "ended"
          ? shown.ending
          : shown === undefined
            ? ""
            : "F6 leaves the terminal; Tab belongs to the shell."}
      </div>
    </div>
  );
}

function TerminalPane({ session, name }: { readonly session: Session; readonly name: string }): ReactElement {
  const place = useRef<HTMLDivElement>(null);
  const [paste, setPaste] = useState("");
  useLayoutEffect(() => {
    const host = place.current;
    if (host === null) return;
    host.append(session.element);
    const fit = (): void => {
      if (host.clientWidth > 0 && host.clientHeight > 0) session.fit.fit();
    };
    placeSession(session.key);
    const measure = new ResizeObserver(fit);
    measure.observe(host);
    fit();
    session.terminal.focus();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const recolor = (): void => recolorTerminal(session.terminal);
    scheme.addEventListener("change", recolor);
    recolor();
    session.terminal.attachCustomKeyEventHandler((event) => {
      // F6 leaves the terminal (the shell keeps Tab); the window's own keys need Shift beside Ctrl here.
      if (event.key === "F6" || event.metaKey) return false;
      if (!event.ctrlKey || !event.shiftKey) return true;
      const letter = event.key.toLowerCase();
      if (letter === "c" && event.type === "keydown") {
        event.preventDefault();
        void call("clipboard.write", { text: session.terminal.getSelection() });
      }
      return !["c", "v", "k"].includes(letter);
    });
    const onPaste = (event: ClipboardEvent): void => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (!/[\r\n]./.test(text)) return;
      event.preventDefault();
      event.stopPropagation();
      setPaste(text);
    };
    host.addEventListener("paste", onPaste, { capture: true });
    return () => {
      measure.disconnect();
      scheme.removeEventListener("change", recolor);
      host.removeEventListener("paste", onPaste, { capture: true });
      session.element.remove();
    };
  }, [session.key, session.element, session.fit, session.terminal]);
  const answer = (isWanted: boolean): void => {
    if (isWanted) session.terminal.paste(paste);
    setPaste("");
    session.terminal.focus();
  };
  return (
    <>
      {paste !== "" && (
        <div className="notice paste" data-tone="info" role="alertdialog" aria-label="Paste several lines">
          <span>Paste {paste.split(/\r?\n/).length} lines? Each line runs as soon as it arrives.</span>
          <span className="row">
            <Button look="primary" autoFocus onClick={() => answer(true)}>
              Paste
            </Button>
            <Button onClick={() => answer(false)}>Cancel</Button>
          </span>
        </div>
      )}
      <section
        ref={place}
        className={`terminal ${session.state === "ended" ? "ended" : ""}`}
        aria-label={`Terminal in ${name}`}
      />
    </>
  );
}
