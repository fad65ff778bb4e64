import { useState, type KeyboardEvent, type ReactElement, type ReactNode } from "react";

export interface ObjectRow {
  readonly id: string;
  readonly name: string;
  readonly cells: readonly ReactNode[];
}

/** A list of objects as a grid: one tab stop, arrows inside, Enter opens. */
export function ObjectTable({
  label,
  columns,
  rows,
  selected,
  onOpen,
}: {
  readonly label: string;
  readonly columns: readonly string[];
  readonly rows: readonly ObjectRow[];
  readonly selected: string | undefined;
  readonly onOpen: (id: string) => void;
}): ReactElement {
  const [focused, setFocused] = useState(0);
  const at = Math.min(focused, rows.length - 1);
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    const row = rows[at];
    if (event.key === "Enter" && row !== undefined) onOpen(row.id);
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(rows.length - 1, at + step));
    setFocused(next);
    event.currentTarget.querySelector<HTMLElement>(`[data-at="${next}"]`)?.focus();
  };
  const style = {
    gridTemplateColumns: `minmax(160px, 2fr) repeat(${columns.length - 1}, minmax(72px, 1fr))`,
  };
  return (
    <div
      className="scroller"
      role="grid"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      onKeyDown={onKeyDown}
      tabIndex={-1}
    >
      <div role="row" className="table-row head" style={style}>
        {columns.map((column) => (
          <div key={column} role="columnheader" className="label">
            {column}
          </div>
        ))}
      </div>
      {rows.map((row, index) => (
        <div
          key={row.id}
          role="row"
          className="table-row"
          data-at={index}
          data-id={row.id}
          style={style}
          aria-selected={row.id === selected}
          tabIndex={index === at ? 0 : -1}
          onFocus={() => setFocused(index)}
          onClick={() => onOpen(row.id)}
        >
          {row.cells.map((cell, column) => (
            <div key={columns[column]} role="gridcell" className="cut">
              {cell}
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}
