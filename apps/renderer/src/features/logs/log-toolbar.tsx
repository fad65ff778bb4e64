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
  readonly current: number;
  readonly onChange: (choices: LogChoices) => void;
  readonly onJump: (step: number) => void;
  readonly onCopy: () => void;
  readonly onSave: () => void;
  readonly onClear: () => void;
}

const switches = [
  { key: "isRegex", label: "Regex" },
  { key: "isFilter", label: "Filter" },
  { key: "isWrapped", label: "Wrap" },
  { key: "hasTimes", label: "Times" },
] as const;

/** Find (marks in context), filter (hides the rest), and how lines look. */
export function LogToolbar(props: LogToolbarProps): ReactElement {
  const { choices, onChange, onJump } = props;
  return (
    <div className="toolbar sub">
      <input
        id="log-find"
        className="input filter"
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
      <span className="dim number" role="status">
        {choices.query === ""
          ? ""
          : props.isBroken
            ? "not a valid expression"
            : `${props.current} of ${props.matchCount}`}
      </span>
      <IconButton label="Match before" keyName="Shift+Enter" onClick={() => onJump(-1)}>
        <ChevronUp size={14} />
      </IconButton>
      <IconButton label="Next match" keyName="Enter" onClick={() => onJump(1)}>
        <ChevronDown size={14} />
      </IconButton>
      {switches.map(({ key, label }) => (
        <Button
          key={key}
          aria-pressed={choices[key]}
          onClick={() => onChange({ ...choices, [key]: !choices[key] })}
        >
          {label}
        </Button>
      ))}
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
