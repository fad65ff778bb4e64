import { Button, useVisibleRows } from "@longshore/ui";
import { Plus } from "lucide-react";
import {
  memo,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type MemoExoticComponent,
  type ReactElement,
  type SyntheticEvent,
} from "react";
import { openDialog } from "../../shell/dialogs.ts";
import { useFocusKept } from "../../shell/focus-kept.ts";
import { ListPage } from "../../shell/list-page.tsx";
import { go } from "../../shell/routes.ts";
import { listRows, type ListRow } from "../../world/derive.ts";
import { useMetersOf } from "../../world/meters.ts";
import { useWorld, type ListedContainer } from "../../world/store.ts";
import { removeContainer } from "../trash/remove.ts";
import { act, toggle } from "./actions.ts";
import { ContainerCells, GroupCells } from "./row.tsx";
import { Welcome } from "./welcome.tsx";

const ROW_PX: Readonly<Record<string, number>> = { compact: 28, default: 36, roomy: 48 };
const HEAD_PX = 28;
const SPARE = 8;

/** All containers, live; one tab stop, arrows inside. */
export function ContainerList({ selected }: { readonly selected: string | undefined }): ReactElement {
  const containers = useWorld((world) => world.containers);
  const density = useWorld((world) => world.settings.density);
  const [filter, setFilter] = useState("");
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [focused, setFocused] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => listRows(containers, filter, closed), [containers, filter, closed]);
  const at = Math.min(focused, Math.max(0, rows.length - 1));
  const rowPx = ROW_PX[density] ?? 36;
  const { first, end } = useVisibleRows(scroller, rowPx, rows.length, SPARE);
  const places = Array.from({ length: end - first }, (_, offset) => first + offset);
  // The row that has the tab stop stays in the page wherever one scrolls, or the list could not be entered by key.
  // In the order of the list: a row that has the focus and is moved in the page would lose it.
  if (rows.length > 0 && at < first) places.unshift(at);
  else if (rows.length > 0 && at >= end) places.push(at);
  const seen = useVisibleRows(scroller, rowPx, rows.length, 0);
  useMetersOf(rows.slice(seen.first, seen.end).flatMap(measuredBy));

  const focusRow = (index: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    setFocused(next);
    bringIntoView(scroller.current, next, rowPx);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-at="${next}"]`)?.focus());
  };

  useFocusKept(scroller, rows, () => focusRow(at));

  const flip = (project: string): void =>
    setClosed((old) => {
      const next = new Set(old);
      if (!next.delete(project)) next.add(project);
      return next;
    });

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof HTMLElement)) return;
    if (event.target.getAttribute("role") !== "row") return;
    const row = rows[at];
    if (row === undefined || !onRowKey(event.key, row)) return;
    event.preventDefault();
  };

  const onRowKey = (key: string, row: ListRow): boolean => {
    switch (key) {
      case "ArrowDown":
      case "j":
        focusRow(at + 1);
        return true;
      case "ArrowUp":
      case "k":
        focusRow(at - 1);
        return true;
      case "Home":
        focusRow(0);
        return true;
      case "End":
        focusRow(rows.length - 1);
        return true;
      default:
        break;
    }
    if (row.kind === "group") {
      if (!["Enter", " ", "ArrowLeft", "ArrowRight"].includes(key)) return false;
      if (key === "ArrowLeft" ? row.isOpen : key === "ArrowRight" ? !row.isOpen : true) flip(row.project);
      return true;
    }
    const { container } = row;
    switch (key) {
      case "Enter":
        go({ page: "containers", id: container.Id });
        return true;
      case "l":
        go({ page: "containers", id: container.Id, tab: "logs" });
        return true;
      case "t":
        go({ page: "containers", id: container.Id, tab: "terminal" });
        return true;
      case "s":
        void toggle(container);
        return true;
      case "r":
        void act(container, "restart");
        return true;
      case "Delete":
        removeContainer(container);
        return true;
      default:
        return false;
    }
  };

  // One listener for all rows, so that a row depends on nothing but what it shows.
  const placeOf = (event: SyntheticEvent): number | undefined => {
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-at]") : null;
    return row === null ? undefined : Number(row.dataset["at"]);
  };
  const onFocus = (event: SyntheticEvent): void => setFocused(placeOf(event) ?? at);
  const onClick = (event: SyntheticEvent): void => {
    const row = rows[placeOf(event) ?? -1];
    if (row === undefined) return;
    if (row.kind === "group") flip(row.project);
    else go({ page: "containers", id: row.container.Id });
  };

  const run = (): void => openDialog({ kind: "run", image: "" });
  return (
    <ListPage
      kind="containers"
      title="Containers"
      filter={filter}
      onFilter={setFilter}
      onArrowDown={() => focusRow(0)}
      total={containers.length}
      shown={rows.length}
      actions={
        <Button look="primary" onClick={run}>
          <Plus size={16} /> Run…
        </Button>
      }
      empty={<Welcome />}
    >
      <div
        className="scroller"
        ref={scroller}
        role="treegrid"
        aria-label="Containers"
        aria-rowcount={rows.length + 1}
        onKeyDown={onKeyDown}
        onFocus={onFocus}
        onClick={onClick}
        tabIndex={-1}
      >
        <div role="row" className="grid-row head" aria-rowindex={1}>
          {["State", "Name", "Layers", "Image", "Ports", "CPU", "Memory", "Since", "Actions"].map((title) => (
            <div key={title} role="columnheader" className={`label cell-${title.toLowerCase()}`}>
              {title}
            </div>
          ))}
        </div>
        <div style={{ height: rows.length * rowPx, position: "relative" }} role="rowgroup">
          {places.map((place) => {
            const row = rows[place];
            if (row === undefined) return null;
            const common = { place, rowPx, isTabStop: place === at };
            return row.kind === "group" ? (
              <GroupRow key={`group ${row.project}`} {...common} row={row} />
            ) : (
              <ContainerRow
                key={row.container.Id}
                {...common}
                container={row.container}
                isMember={row.project !== undefined}
                position={row.position}
                size={row.size}
                isSelected={row.container.Id === selected}
              />
            );
          })}
        </div>
      </div>
    </ListPage>
  );
}

interface RowProps {
  readonly place: number;
  readonly rowPx: number;
  readonly isTabStop: boolean;
}

type ContainerRowProps = RowProps & {
  readonly container: ListedContainer;
  readonly isMember: boolean;
  readonly position: number;
  readonly size: number;
  readonly isSelected: boolean;
};

/** A row of the list, painted again only when its own container or place changes. */
const ContainerRow: MemoExoticComponent<(props: ContainerRowProps) => ReactElement> = memo(
  function ContainerRow(props: ContainerRowProps): ReactElement {
    const { place, rowPx, isTabStop, container, isMember, position, size, isSelected } = props;
    return (
      <div
        role="row"
        data-at={place}
        data-id={container.Id}
        className={isMember ? "grid-row member" : "grid-row"}
        aria-rowindex={place + 2}
        aria-level={isMember ? 2 : 1}
        aria-setsize={size}
        aria-posinset={position}
        aria-selected={isSelected}
        tabIndex={isTabStop ? 0 : -1}
        style={{ transform: `translateY(${place * rowPx}px)`, height: rowPx }}
      >
        <ContainerCells container={container} />
      </div>
    );
  },
);

function GroupRow({
  place,
  rowPx,
  isTabStop,
  row,
}: RowProps & { readonly row: Extract<ListRow, { kind: "group" }> }): ReactElement {
  return (
    <div
      role="row"
      data-at={place}
      className="grid-row group"
      aria-rowindex={place + 2}
      aria-level={1}
      aria-expanded={row.isOpen}
      aria-selected={false}
      tabIndex={isTabStop ? 0 : -1}
      style={{ transform: `translateY(${place * rowPx}px)`, height: rowPx }}
    >
      <GroupCells row={row} />
    </div>
  );
}

/** Whose use a row tells: its own container's, or that of a project's members together. */
function measuredBy(row: ListRow): readonly string[] {
  return row.kind === "container" ? [row.container.Id] : row.members.map((member) => member.Id);
}

/** Scrolls no further than it must; the head covers the first row's worth of the view. */
function bringIntoView(scroller: HTMLElement | null, place: number, rowPx: number): void {
  if (scroller === null) return;
  const top = place * rowPx;
  const room = scroller.clientHeight - HEAD_PX - rowPx;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top > scroller.scrollTop + room) scroller.scrollTop = top - room;
}
