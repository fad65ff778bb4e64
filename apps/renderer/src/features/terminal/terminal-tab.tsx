import "@xterm/xterm/css/xterm.css";
import { Button, EmptyState, IconButton } from "@longshore/ui";
import { X } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, useState, type ReactElement } from "react";
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
            <Button aria-pressed={session.key === shown?.key} onClick={() => choose(session.key)}>
              {at + 1} {session.title}
              {session.state === "ended" && <span className="dim"> (ended)</span>}
            </Button>
            <IconButton label={`Close terminal ${at + 1}`} onClick={() => closeSession(session.key)}>
              <X size={14} />
            </IconButton>
          </span>
        ))}
        <span className="grow" />
        <Button disabled={!isRunning} onClick={() => open("shell")}>
          New shell
        </Button>
        <Button disabled={!isRunning} onClick={() => open("attach")}>
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
      if (event.key !== "F6") return true;
      if (event.type === "keydown")
        document.querySelector<HTMLElement>('.detail [role="tab"][aria-selected="true"]')?.focus();
      return false;
    });
    return () => {
      measure.disconnect();
      scheme.removeEventListener("change", recolor);
      session.element.remove();
    };
  }, [session.key, session.element, session.fit, session.terminal]);
  return (
    <section
      ref={place}
      className={`terminal ${session.state === "ended" ? "ended" : ""}`}
      aria-label={`Terminal in ${name}`}
    />
  );
}
