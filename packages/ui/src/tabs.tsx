import type { KeyboardEvent, ReactElement, ReactNode } from "react";

export interface TabChoice<Id extends string> {
  readonly id: Id;
  readonly label: string;
}

/** A row of tabs, one tab stop, arrows inside. */
export function Tabs<Id extends string>({
  label,
  choices,
  value,
  onChoose,
}: {
  readonly label: string;
  readonly choices: readonly TabChoice<Id>[];
  readonly value: Id;
  readonly onChoose: (id: Id) => void;
}): ReactElement {
  const move = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = choices.findIndex((choice) => choice.id === value);
    const next = choices[(at + step + choices.length) % choices.length];
    if (next === undefined) return;
    onChoose(next.id);
    event.currentTarget.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
  };
  return (
    <div role="tablist" aria-label={label} className="tabs" onKeyDown={move} tabIndex={-1}>
      {choices.map((choice) => (
        <button
          key={choice.id}
          type="button"
          role="tab"
          data-tab={choice.id}
          className="tab"
          aria-selected={choice.id === value}
          tabIndex={choice.id === value ? 0 : -1}
          onClick={() => onChoose(choice.id)}
        >
          {choice.label}
        </button>
      ))}
    </div>
  );
}

export function TabPanel({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <div role="tabpanel" aria-label={label} className="tab-panel">
      {children}
    </div>
  );
}
