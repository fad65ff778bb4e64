import { ChevronDown, ChevronUp } from "lucide-react";
import {
  useImperativeHandle,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactElement,
  type ReactNode,
  type Ref,
} from "react";
import { useFocusKept } from "./focus-kept.ts";

export interface ObjectColumn {
  readonly title: string;
  /** A grid track. */
  readonly width: string;
  readonly isNumber?: boolean;
  /** Not shown beside an open detail or in a narrow window. */
  readonly isExtra?: boolean;
  /** Its cells hold buttons: nothing to sort by. */
  readonly isUnsorted?: boolean;
}

export interface ObjectRow {
  readonly id: string;
  readonly cells: readonly { readonly sort: string | number; readonly show: ReactNode }[];
}

export interface ObjectTableHandle {
  /** Puts the focus on the row that has the tab stop. */
  focus(): void;
}

interface Order {
  readonly column: number;
  readonly isDown: boolean;
}

/** A list of objects as a grid: one tab stop, arrows inside, Enter opens, headers sort. */
export function ObjectTable({
  ref,
  label,
  columns,
  rows,
  selected,
  onOpen,
  onKey,
}: {
  readonly ref?: Ref<ObjectTableHandle>;
  readonly label: string;
  readonly columns: readonly ObjectColumn[];
  readonly rows: readonly ObjectRow[];
  readonly selected: string | undefined;
  readonly onOpen?: (id: string) => void;
  /** Keys of a row's own; false lets the key go on. */
  readonly onKey?: (key: string, id: string) => boolean;
}): ReactElement {
  const [focused, setFocused] = useState(0);
  const [order, setOrder] = useState<Order>();
  const grid = useRef<HTMLDivElement>(null);
  const at = Math.min(focused, rows.length - 1);
  const sorted = order === undefined ? rows : rows.toSorted((a, b) => compare(a, b, order));
  const focusRow = (index: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    setFocused(next);
    grid.current?.querySelector<HTMLElement>(`[data-at="${next}"]`)?.focus();
  };
  useFocusKept(grid, rows, () => focusRow(at));
  useImperativeHandle(ref, () => ({ focus: () => focusRow(at) }));
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const isRow = event.target instanceof HTMLElement && event.target.getAttribute("role") === "row";
    if (!isRow || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = sorted[at];
    const target = {
      ArrowDown: at + 1,
      j: at + 1,
      ArrowUp: at - 1,
      k: at - 1,
      Home: 0,
      End: rows.length - 1,
    }[event.key];
    if (event.key === "Enter" && row !== undefined) onOpen?.(row.id);
    else if (row !== undefined && onKey?.(event.key, row.id) === true) {
      event.preventDefault();
      return;
    } else if (target === undefined) return;
    else focusRow(target);
    event.preventDefault();
  };
  const flip = (column: number): void =>
    setOrder((old) => {
      if (old?.column !== column) return { column, isDown: columns[column]?.isNumber === true };
      // The third click gives the engine's own order back.
      const isFirstWay = old.isDown === (columns[column]?.isNumber === true);
      return isFirstWay ? { column, isDown: !old.isDown } : undefined;
    });
  const tracks = (isSplit: boolean): string =>
    columns
      .filter((column) => !isSplit || column.isExtra !== true)
      .map((column) => column.width)
      .join(" ");
  return (
    <div
      ref={grid}
      className="scroller object-table"
      role="grid"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      onKeyDown={onKeyDown}
      tabIndex={-1}
      style={{ ["--tracks" as string]: tracks(false), ["--split-tracks" as string]: tracks(true) }}
    >
      <div role="row" className="table-row head">
        {columns.map((column, index) => (
          <div
            key={column.title}
            role="columnheader"
            aria-sort={
              column.isUnsorted === true
                ? undefined
                : order?.column !== index
                  ? "none"
                  : order.isDown
                    ? "descending"
                    : "ascending"
            }
            className={cellClass(column)}
          >
            {column.isUnsorted === true ? (
              <span className="sort label">{column.title}</span>
            ) : (
              <button type="button" className="sort label" onClick={() => flip(index)}>
                {column.title}
                {order?.column === index &&
                  (order.isDown ? <ChevronDown size={12} /> : <ChevronUp size={12} />)}
              </button>
            )}
          </div>
        ))}
      </div>
      {sorted.map((row, index) => (
        <div
          key={row.id}
          role="row"
          className="table-row"
          data-at={index}
          data-id={row.id}
          aria-selected={row.id === selected}
          tabIndex={index === at ? 0 : -1}
          onFocus={() => setFocused(index)}
          onClick={() => onOpen?.(row.id)}
        >
          {row.cells.map((cell, column) => (
            <div key={columns[column]?.title} role="gridcell" className={`cut ${cellClass(columns[column])}`}>
              {cell.show}
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}

function cellClass(column: ObjectColumn | undefined): string {
  return `${column?.isNumber === true ? "number right" : ""} ${column?.isExtra === true ? "extra" : ""}`;
}

function compare(a: ObjectRow, b: ObjectRow, { column, isDown }: Order): number {
  const left = a.cells[column]?.sort ?? "";
  const right = b.cells[column]?.sort ?? "";
  const way =
    typeof left === "number" && typeof right === "number"
      ? left - right
      : String(left).localeCompare(String(right), undefined, { numeric: true });
  return isDown ? -way : way;
}
