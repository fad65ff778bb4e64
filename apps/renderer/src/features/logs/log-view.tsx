import { Button, EmptyState } from "@longshore/ui";
import {
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactElement,
} from "react";
import { call } from "../../bridge/bridge.ts";
import { Failure } from "../../shell/failure.tsx";
import { toast, toastFailure } from "../../shell/toasts.tsx";
import { LineLayout } from "./layout.ts";
import { LogRow, ROW_PX } from "./log-row.tsx";
import { compileQuery } from "./log-store.ts";
import { LogToolbar, type LogChoices } from "./log-toolbar.tsx";
import { useLog } from "./use-log.ts";

const OVERSCAN = 20;
const CHARACTER_PX = 7.5;
const kept = new Map<string, LogChoices>();
const defaults: LogChoices = { query: "", isRegex: false, isFilter: false, isWrapped: true, hasTimes: false };

/** The output of a container: follows only while the reader is at the bottom, and never moves what is being read. */
export function LogView({
  id,
  name,
  isRunning,
}: {
  readonly id: string;
  readonly name: string;
  readonly isRunning: boolean;
}): ReactElement {
  const log = useLog(id, isRunning);
  const [choices, setChoices] = useState<LogChoices>(kept.get(id) ?? defaults);
  const [isFollowing, setFollowing] = useState(true);
  const [view, setView] = useState({ top: 0, height: 400, width: 800 });
  const [current, setCurrent] = useState(0);
  const [seen, setSeen] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const { lines, dropped } = log.store;
  const query = useMemo(() => compileQuery(choices.query, choices.isRegex), [choices.query, choices.isRegex]);
  useEffect(() => void kept.set(id, choices), [id, choices]);

  const matches = useMemo(() => {
    if (query === undefined) return [];
    const found: number[] = [];
    for (const [at, line] of lines.entries()) {
      query.lastIndex = 0;
      if (query.test(line.text)) found.push(at);
    }
    return found;
    // oxlint-disable-next-line react/exhaustive-deps -- lines change in place; the version tells
  }, [query, log.version, lines]);
  const shown = choices.isFilter && query !== undefined ? matches : undefined;
  const count = shown?.length ?? lines.length;
  const gutter = choices.hasTimes ? 210 : 24;
  const columns = choices.isWrapped ? Math.max(20, Math.floor((view.width - gutter - 24) / CHARACTER_PX)) : 0;
  const layout = useMemo(() => {
    const next = new LineLayout(columns);
    for (let at = 0; at < count; at++) next.add(lines[shown?.[at] ?? at]?.text.length ?? 0);
    return next;
    // oxlint-disable-next-line react/exhaustive-deps -- lines change in place; the version tells
  }, [columns, count, shown, log.version, lines]);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = new ResizeObserver(() =>
      setView((old) => ({ ...old, height: element.clientHeight, width: element.clientWidth })),
    );
    measure.observe(element);
    return () => measure.disconnect();
  }, []);

  const lastDropped = useRef(dropped);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    if (isFollowing) {
      element.scrollTop = element.scrollHeight;
      setSeen(dropped + lines.length);
    } else if (dropped > lastDropped.current && shown === undefined && columns === 0) {
      // Old lines went away above: what is being read stays where it is.
      element.scrollTop -= (dropped - lastDropped.current) * ROW_PX;
    }
    lastDropped.current = dropped;
  }, [layout, isFollowing, dropped, lines.length, shown, columns]);

  const onScroll = (): void => {
    const element = scroller.current;
    if (element === null) return;
    const isAtBottom = element.scrollHeight - element.scrollTop - element.clientHeight < ROW_PX;
    // What fits the view has no bottom to return to: a filter down to one line must not resume following.
    const fits = element.scrollHeight <= element.clientHeight;
    if (!isAtBottom) setFollowing(false);
    else if (!fits) setFollowing(true);
    if (isAtBottom) setSeen(dropped + lines.length);
    setView((old) => ({ ...old, top: element.scrollTop }));
  };
  const jump = (step: number): void => {
    if (matches.length === 0) return;
    const next = (current + step + matches.length) % matches.length;
    setCurrent(next);
    setFollowing(false);
    const index = shown === undefined ? (matches[next] ?? 0) : next;
    scroller.current?.scrollTo({ top: layout.top(index) * ROW_PX - view.height / 2 });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "f" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    document.querySelector<HTMLInputElement>("#log-find")?.focus();
  };
  const allText = (): string =>
    lines.map((line) => (choices.hasTimes ? `${line.time} ${line.text}` : line.text)).join("\n") + "\n";
  const copy = async (): Promise<void> => {
    const text = window.getSelection()?.toString() || allText();
    await call("clipboard.write", { text });
    toast({ title: "Copied", body: "", isBad: false });
  };
  const save = async (): Promise<void> => {
    try {
      const saved = await call("text.save", { suggestedName: `${name}.log`, text: allText() });
      if (saved !== null) toast({ title: `Saved ${saved.name}`, body: "", isBad: false });
    } catch (error) {
      toastFailure("Couldn’t save the log", error);
    }
  };

  const first = Math.max(0, layout.at(Math.floor(view.top / ROW_PX)) - OVERSCAN);
  const last = Math.min(count, layout.at(Math.ceil((view.top + view.height) / ROW_PX)) + OVERSCAN);
  const unseen = Math.max(0, dropped + lines.length - seen);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- Ctrl+F from anywhere inside
    <div className="fill" role="group" aria-label="Log" onKeyDown={onKeyDown}>
      <LogToolbar
        choices={choices}
        isBroken={choices.query !== "" && query === undefined}
        matchCount={matches.length}
        current={matches.length === 0 ? 0 : (current % matches.length) + 1}
        onChange={(next) => {
          setChoices(next);
          if (next.query !== choices.query) setCurrent(-1);
        }}
        onJump={jump}
        onCopy={() => void copy()}
        onSave={() => void save()}
        onClear={log.clear}
      />
      {log.error !== undefined && <Failure what="Couldn’t read the log" error={log.error} />}
      <div className="log-box">
        <div
          ref={scroller}
          className="log"
          role="log"
          aria-live="off"
          aria-label={`Log of ${name}`}
          tabIndex={0}
          onScroll={onScroll}
        >
          {dropped > 0 && <div className="dim log-cut">{dropped} older lines are not kept here.</div>}
          <div style={{ height: layout.rows * ROW_PX, position: "relative" }}>
            {Array.from({ length: Math.max(0, last - first) }, (_, offset) => {
              const at = first + offset;
              const index = shown?.[at] ?? at;
              const line = lines[index];
              if (line === undefined) return null;
              return (
                <LogRow
                  key={dropped + index}
                  line={line}
                  top={layout.top(at) * ROW_PX}
                  height={(layout.top(at + 1) - layout.top(at)) * ROW_PX}
                  isWrapped={choices.isWrapped}
                  hasTime={choices.hasTimes}
                  query={query}
                  isCurrent={matches[current] === index}
                />
              );
            })}
          </div>
          {count === 0 && log.error === undefined && (
            <EmptyState title={choices.isFilter && lines.length > 0 ? "No line fits" : "No output yet"}>
              {isRunning
                ? "Lines appear here as the container writes them."
                : "This container has written nothing."}
            </EmptyState>
          )}
        </div>
        {!isFollowing && (
          <Button className="log-pill" onClick={() => setFollowing(true)}>
            ▼ {unseen > 0 ? `${unseen} new` : "Follow"}
          </Button>
        )}
      </div>
      <div className="log-foot dim" role="status">
        {lines.length} lines{isFollowing && isRunning ? ", following" : ""}
        {log.isEnded && !isRunning ? ", the container has ended" : ""}
      </div>
    </div>
  );
}
