import { memo, useState, type MemoExoticComponent, type ReactElement } from "react";
import { ansiSpans } from "./ansi.ts";
import type { LogLine } from "./log-store.ts";

export const ROW_PX = 18;
const MOST_CHARACTERS = 4096;

interface LogRowProps {
  readonly line: LogLine;
  readonly top: number;
  readonly height: number;
  readonly isWrapped: boolean;
  readonly hasTime: boolean;
  readonly query: RegExp | undefined;
  readonly isCurrent: boolean;
}

/** One line at its place. Text nodes only: output is hostile. */
export const LogRow: MemoExoticComponent<(props: LogRowProps) => ReactElement> = memo(function LogRow(
  props: LogRowProps,
): ReactElement {
  const { line, top, height, isWrapped, hasTime, query, isCurrent } = props;
  const [isWhole, setWhole] = useState(false);
  const isLong = !isWhole && line.text.length > MOST_CHARACTERS;
  return (
    <div
      className={`log-line ${isWrapped ? "wrapped" : ""} ${isCurrent ? "current" : ""}`}
      data-source={line.source}
      style={{ transform: `translateY(${top}px)`, height }}
    >
      <span className="log-gutter" title={line.source}>
        {line.source === "stderr" ? "!" : " "}
      </span>
      {hasTime && <span className="log-time">{line.time.slice(0, 23).replace("T", " ")} </span>}
      <span className="log-text">
        {query === undefined
          ? plain(isLong ? line.raw.slice(0, MOST_CHARACTERS) : line.raw)
          : marked(isLong ? line.text.slice(0, MOST_CHARACTERS) : line.text, query)}
        {isLong && (
          <button type="button" className="log-more" onClick={() => setWhole(true)}>
            … {line.text.length - MOST_CHARACTERS} more characters
          </button>
        )}
      </span>
    </div>
  );
});

function plain(raw: string): string | ReactElement[] {
  if (!raw.includes("\u001B")) return raw;
  return ansiSpans(raw).map((span, at) => (
    <span
      key={at}
      className={`${span.color >= 0 ? `ansi-${span.color}` : ""} ${span.isBold ? "strong" : ""}`}
    >
      {span.text}
    </span>
  ));
}

function marked(text: string, query: RegExp): (string | ReactElement)[] {
  const parts: (string | ReactElement)[] = [];
  let at = 0;
  for (const match of text.matchAll(query)) {
    if (match[0] === "") break;
    parts.push(text.slice(at, match.index), <mark key={match.index}>{match[0]}</mark>);
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return parts;
}
