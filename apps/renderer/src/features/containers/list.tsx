import { Button } from "@longshore/ui";
import { useVirtualizer } from "@tanstack/react-virtual";
import { Plus } from "lucide-react";
import { useMemo, useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import { openDialog } from "../../shell/dialogs.ts";
import { ListPage } from "../../shell/list-page.tsx";
import { go } from "../../shell/routes.ts";
import { listRows, type ListRow } from "../../world/derive.ts";
import { useWorld } from "../../world/store.ts";
import { act, toggle } from "./actions.ts";
import { ContainerCells, GroupCells } from "./row.tsx";
import { Welcome } from "./welcome.tsx";

const ROW_PX: Readonly<Record<string, number>> = { compact: 28, default: 36, roomy: 48 };

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
  // oxlint-disable-next-line react/incompatible-library -- its result is used in this component only, never memoised
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX[density] ?? 36,
    overscan: 8,
    getItemKey: (index) => keyOf(rows[index]),
  });

  const focusRow = (index: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    setFocused(next);
    virtual.scrollToIndex(next);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-at="${next}"]`)?.focus());
  };

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
        openDialog({ kind: "remove-container", container });
        return true;
      default:
        return false;
    }
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
        tabIndex={-1}
      >
        <div role="row" className="grid-row head" aria-rowindex={1}>
          {["State", "Name", "Layers", "Image", "Ports", "CPU", "Memory", "Since", "Actions"].map((title) => (
            <div key={title} role="columnheader" className={`label cell-${title.toLowerCase()}`}>
              {title}
            </div>
          ))}
        </div>
        <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="rowgroup">
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            const isSelected = row.kind === "container" && row.container.Id === selected;
            return (
              <div
                key={item.key}
                role="row"
                data-at={item.index}
                data-id={row.kind === "container" ? row.container.Id : undefined}
                className={`grid-row ${row.kind === "group" ? "group" : ""} ${row.kind === "container" && row.project !== undefined ? "member" : ""}`}
                aria-rowindex={item.index + 2}
                aria-level={row.kind === "container" && row.project !== undefined ? 2 : 1}
                aria-expanded={row.kind === "group" ? row.isOpen : undefined}
                aria-setsize={row.kind === "container" ? row.size : undefined}
                aria-posinset={row.kind === "container" ? row.position : undefined}
                aria-selected={isSelected}
                tabIndex={item.index === at ? 0 : -1}
                style={{ transform: `translateY(${item.start}px)`, height: item.size }}
                onFocus={() => setFocused(item.index)}
                onClick={() =>
                  row.kind === "group" ? flip(row.project) : go({ page: "containers", id: row.container.Id })
                }
              >
                {row.kind === "group" ? <GroupCells row={row} /> : <ContainerCells row={row} />}
              </div>
            );
          })}
        </div>
      </div>
    </ListPage>
  );
}

function keyOf(row: ListRow | undefined): string {
  if (row === undefined) return "";
  return row.kind === "group" ? `group ${row.project}` : row.container.Id;
}
