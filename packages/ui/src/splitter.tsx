import type { KeyboardEvent, PointerEvent, ReactElement } from "react";

const STEP = 2;

/** The bar between two panes: dragged, or moved by arrow keys. `value` is the first pane's share of the parent in percent. */
export function Splitter({
  label,
  value,
  least,
  most,
  onChange,
}: {
  readonly label: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly onChange: (share: number) => void;
}): ReactElement {
  const set = (share: number): void => onChange(Math.round(Math.max(least, Math.min(most, share)) * 10) / 10);
  const onPointerMove = (event: PointerEvent<HTMLDivElement>): void => {
    const parent = event.currentTarget.parentElement;
    if (parent === null || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const { left, width } = parent.getBoundingClientRect();
    set(((event.clientX - left) / width) * 100);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    set(value + step);
  };
  return (
    <div
      className="splitter"
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation="vertical"
      aria-valuenow={Math.round(value)}
      aria-valuemin={least}
      aria-valuemax={most}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={onPointerMove}
    />
  );
}
