import { Button, IconButton } from "@longshore/ui";
import { ChevronDown, ChevronUp, Copy, Eraser, Save } from "lucide-react";
import type { ReactElement } from "react";

export interface LogChoices {
  readonly query: string;
  readonly isRegex: boolean;
  readonly isFilter: boolean;
  readonly isWrapped: boolean;
  readonly hasTimes: boolean;
}

interface LogToolbarProps {
  readonly choices: LogChoices;
  readonly isBroken: boolean;
  readonly matchCount: number;
  /** Counted from 1; 0 before the first jump. */
  readonly current: number;
  readonly onChange: (choices: LogChoices) => void;
  readonly onJump: (step: number) => void;
  readonly onCopy: () => void;
  readonly onSave: () => void;
  readonly onClear: () => void;
}

const switches = [
  { key: "isRegex", label: ".*", name: "Regular expression" },
  { key: "isFilter", label: "Filter", name: "Filter" },
  { key: "isWrapped", label: "Wrap", name: "Wrap" },
  { key: "hasTimes", label: "Times", name: "Times" },
] as const;

const tips = {
  isRegex: "Find a regular expression",
  isFilter: "Show only the lines that match",
  isWrapped: "Break long lines",
  hasTimes: "Show when each line was written",
} as const;

/** Find (marks in context), filter (hides the rest), and how lines look. */
export function LogToolbar(props: LogToolbarProps): ReactElement {
  const { choices, onChange, onJump } = props;
  return (
    <div className="toolbar sub">
      <input
        id="log-find"
        className="input log-find"
        type="search"
        placeholder="Find  Ctrl+F"
        aria-label="Find in the log"
        aria-invalid={props.isBroken}
        value={choices.query}
        onChange={(event) => onChange({ ...choices, query: event.target.value })}
        onKeyDown={(event) => {
          if (event.key === "Enter") onJump(event.shiftKey ? -1 : 1);
          if (event.key === "Escape") onChange({ ...choices, query: "" });
        }}
      />
      <span className="log-count dim number" role="status">
        {choices.query === ""
          ? ""
          : props.isBroken
            ? "not a valid expression"
            : props.current > 0
              ? `${props.current} of ${props.matchCount}`
              : `${props.matchCount} ${props.matchCount === 1 ? "match" : "matches"}`}
      </span>
      <span className="tight">
        <IconButton className="small" label="Match before" keyName="Shift+Enter" onClick={() => onJump(-1)}>
          <ChevronUp size={14} />
        </IconButton>
        <IconButton className="small" label="Next match" keyName="Enter" onClick={() => onJump(1)}>
          <ChevronDown size={14} />
        </IconButton>
      </span>
      <span className="tight">
        {switches.map(({ key, label, name }) => (
          <Button
            key={key}
            className="small"
            aria-label={name}
            title={tips[key]}
            aria-pressed={choices[key]}
            onClick={() => onChange({ ...choices, [key]: !choices[key] })}
          >
            {label}
          </Button>
        ))}
      </span>
      <span className="grow" />
      <IconButton label="Clear the view" onClick={props.onClear}>
        <Eraser size={14} />
      </IconButton>
      <IconButton label="Copy the log" onClick={props.onCopy}>
        <Copy size={14} />
      </IconButton>
      <IconButton label="Save the log…" onClick={props.onSave}>
        <Save size={14} />
      </IconButton>
    </div>
  );
}
