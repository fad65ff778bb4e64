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
import { LogIndex } from "./log-index.ts";
import { LogRow, ROW_PX } from "./log-row.tsx";
import { compileQuery, type LogTotal } from "./log-store.ts";
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
  const [current, setCurrent] = useState(-1);
  const [seen, setSeen] = useState<LogTotal>({ lines: 0, errors: 0 });
  const scroller = useRef<HTMLDivElement>(null);
  const { lines, dropped } = log.store;
  const query = useMemo(() => compileQuery(choices.query, choices.isRegex), [choices.query, choices.isRegex]);
  useEffect(() => void kept.set(id, choices), [id, choices]);

  const gutter = choices.hasTimes ? 210 : 24;
  const columns = choices.isWrapped ? Math.max(20, Math.floor((view.width - gutter - 24) / CHARACTER_PX)) : 0;
  const index = useMemo(
    () => new LogIndex(query, choices.isFilter, columns),
    [query, choices.isFilter, columns],
  );
  // Taking the same lines twice changes nothing, so this may run at every paint.
  index.follow(lines, dropped);
  const { rows, matchCount, shownCount } = index;
  const isFiltered = choices.isFilter && query !== undefined;

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = new ResizeObserver(() =>
      setView((old) => ({ ...old, height: element.clientHeight, width: element.clientWidth })),
    );
    measure.observe(element);
    return () => measure.disconnect();
  }, []);

  const isJump = useRef(false);
  const lastDropped = useRef(dropped);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    if (isFollowing) {
      element.scrollTop = element.scrollHeight;
    } else if (dropped > lastDropped.current && !isFiltered && columns === 0) {
      // Old lines went away above: what is being read stays where it is.
      element.scrollTop -= (dropped - lastDropped.current) * ROW_PX;
    }
    lastDropped.current = dropped;
  }, [rows, isFollowing, dropped, lines.length, isFiltered, columns]);

  const stopFollowing = (): void => {
    if (isFollowing) setSeen(log.store.total);
    setFollowing(false);
  };
  const onScroll = (): void => {
    const element = scroller.current;
    if (element === null) return;
    const isAtBottom = element.scrollHeight - element.scrollTop - element.clientHeight < ROW_PX;
    // What fits the view has no bottom to return to: a filter down to one line must not resume following.
    const fits = element.scrollHeight <= element.clientHeight;
    // A jump to a match near the end lands at the bottom without the reader wanting to follow.
    if (!isAtBottom) stopFollowing();
    else if (!fits && !isJump.current) setFollowing(true);
    isJump.current = false;
    if (isAtBottom) setSeen(log.store.total);
    setView((old) => ({ ...old, top: element.scrollTop }));
  };
  const jump = (step: number): void => {
    if (matchCount === 0) return;
    const next = current < 0 && step < 0 ? matchCount - 1 : (current + step + matchCount) % matchCount;
    setCurrent(next);
    stopFollowing();
    const place = index.placeOf(index.match(next) ?? 0);
    const element = scroller.current;
    if (element === null) return;
    const before = element.scrollTop;
    element.scrollTop = index.top(place) * ROW_PX - view.height / 2;
    isJump.current = element.scrollTop !== before;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "f" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    document.querySelector<HTMLInputElement>("#log-find")?.focus();
  };
  /** What is shown: with a filter only what fits it. */
  const shownText = (): string =>
    Array.from({ length: shownCount }, (_, at) => lines[index.shown(at) - dropped])
      .map((line) => `${choices.hasTimes ? `${line?.time ?? ""} ` : ""}${line?.text ?? ""}\n`)
      .join("");
  const copy = async (): Promise<void> => {
    const text = window.getSelection()?.toString() || shownText();
    await call("clipboard.write", { text });
    toast({ title: "Copied", body: "", isBad: false });
  };
  const save = async (): Promise<void> => {
    try {
      const saved = await call("text.save", { suggestedName: `${name}.log`, text: shownText() });
      if (saved !== null) toast({ title: `Saved ${saved.name}`, body: "", isBad: false });
    } catch (error) {
      toastFailure("Couldn’t save the log", error);
    }
  };

  const first = Math.max(0, index.at(Math.floor(view.top / ROW_PX)) - OVERSCAN);
  const last = Math.min(shownCount, index.at(Math.ceil((view.top + view.height) / ROW_PX)) + OVERSCAN);
  const unseen = log.store.total.lines - seen.lines;
  const unseenErrors = log.store.total.errors - seen.errors;
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- Ctrl+F from anywhere inside
    <div className="fill" role="group" aria-label="Log" onKeyDown={onKeyDown}>
      <LogToolbar
        choices={choices}
        isBroken={choices.query !== "" && query === undefined}
        matchCount={matchCount}
        current={matchCount === 0 || current < 0 ? 0 : (current % matchCount) + 1}
        onChange={(next) => {
          setChoices(next);
          if (next.query !== choices.query || next.isRegex !== choices.isRegex) setCurrent(-1);
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
          <div style={{ height: rows * ROW_PX, position: "relative" }}>
            {Array.from({ length: Math.max(0, last - first) }, (_, offset) => {
              const at = first + offset;
              const number = index.shown(at);
              const line = lines[number - dropped];
              if (line === undefined) return null;
              return (
                <LogRow
                  key={number}
                  line={line}
                  top={index.top(at) * ROW_PX}
                  height={(index.top(at + 1) - index.top(at)) * ROW_PX}
                  isWrapped={choices.isWrapped}
                  hasTime={choices.hasTimes}
                  query={query}
                  isCurrent={index.match(current) === number}
                />
              );
            })}
          </div>
          {shownCount === 0 && log.error === undefined && (
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
            {unseenErrors > 0 && (unseenErrors === 1 ? ", 1 error" : `, ${unseenErrors} errors`)}
          </Button>
        )}
      </div>
      <div className="log-foot dim" role="status">
        {isFiltered ? `${shownCount} of ${lines.length}` : lines.length}{" "}
        {lines.length === 1 ? "line" : "lines"}
        {isFollowing && isRunning ? ", following" : ""}
        {log.isEnded && !isRunning ? ", the container has ended" : ""}
      </div>
    </div>
  );
}
