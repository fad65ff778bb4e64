import type { TrashEntry, TrashReport } from "@longshore/protocol";
import { Button, EmptyState, formatBytes, IconButton } from "@longshore/ui";
import { Trash2, Undo2 } from "lucide-react";
import { useEffect, useRef, useState, type ReactElement } from "react";
import { openDialog } from "../../shell/dialogs.ts";
import { ListPage } from "../../shell/list-page.tsx";
import { ObjectTable, type ObjectTableHandle } from "../../shell/object-table.tsx";
import { roughly, useNow } from "../../world/ago.ts";
import { refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";
import { restore } from "./remove.ts";
import { bringsWords, keepsFor } from "./words.ts";

/** What was removed in this window and can be brought back. */
export function TrashPage(): ReactElement {
  const engine = useWorld((world) => world.engine);
  const trash = useWorld((world) => world.trash);
  const [filter, setFilter] = useState("");
  const table = useRef<ObjectTableHandle>(null);
  const now = useNow();
  useFreshTrash();
  if (engine?.isLongshore !== true)
    return (
      <section className="list" aria-label="Trash" data-pane>
        <EmptyState title="This engine has no trash">What is removed here is gone for good.</EmptyState>
      </section>
    );
  const entries = trash?.entries.toReversed() ?? [];
  const words = filter.toLowerCase();
  const shown = entries.filter(({ name, kind }) => `${kind} ${name}`.toLowerCase().includes(words));
  const onKey = (key: string, id: string): boolean => {
    const entry = entries.find((one) => one.id === id);
    if (entry === undefined) return false;
    if (key === "r") void restore(entry);
    else if (key === "Delete") openDialog({ kind: "delete-forever", entry });
    else return false;
    return true;
  };
  return (
    <ListPage
      kind="trash"
      title="Trash"
      filter={filter}
      onFilter={setFilter}
      onArrowDown={() => table.current?.focus()}
      total={entries.length}
      shown={shown.length}
      actions={
        <Button disabled={entries.length === 0} onClick={() => openDialog({ kind: "empty-trash" })}>
          <Trash2 size={14} /> Empty trash…
        </Button>
      }
      above={trash !== undefined && trash.quotaBytes > 0 && <Use trash={trash} />}
      empty={
        trash?.quotaBytes === 0 ? (
          <EmptyState title="The trash is off">
            The engine was started with --trash-quota 0: what is removed here is gone for good.
          </EmptyState>
        ) : (
          <EmptyState title="The trash is empty">
            Containers, images and volumes that are removed in this window come here and can be restored. What
            docker and other programs remove is gone for good.
          </EmptyState>
        )
      }
    >
      <ObjectTable
        ref={table}
        label="Trash"
        columns={[
          { title: "Name", width: "minmax(140px, 2fr)" },
          { title: "Kind", width: "72px", isExtra: true },
          { title: "Removed", width: "88px", isExtra: true },
          { title: "Goes in", width: "72px" },
          { title: "Gives back", width: "84px", isNumber: true },
          { title: "Brings along", width: "minmax(96px, 1.4fr)", isExtra: true },
          { title: "Actions", width: "128px", isUnsorted: true },
        ]}
        selected={undefined}
        onKey={onKey}
        rows={shown.map((entry) => ({ id: entry.id, cells: cellsOf(entry, now) }))}
      />
    </ListPage>
  );
}

/** Read when the page opens or is seen again, and when objects come or go. */
function useFreshTrash(): void {
  const phase = useWorld((world) => world.engine?.phase);
  const containers = useWorld((world) => world.containers.length);
  const images = useWorld((world) => world.images);
  const volumes = useWorld((world) => world.volumes);
  useEffect(() => {
    if (phase === "ready") refresh(["trash"]);
  }, [phase, containers, images, volumes]);
  useEffect(() => {
    const onSeen = (): void => {
      if (!document.hidden) refresh(["trash"]);
    };
    document.addEventListener("visibilitychange", onSeen);
    return () => document.removeEventListener("visibilitychange", onSeen);
  }, []);
}

function Use({ trash }: { readonly trash: TrashReport }): ReactElement {
  const { usedBytes, quotaBytes } = trash;
  const share = Math.min(1, usedBytes / quotaBytes);
  return (
    <div className="trash-use">
      <div className="row">
        <div className="bar grow" aria-hidden="true">
          <i style={{ width: `${share * 100}%` }} />
        </div>
        <span className="number">
          {formatBytes(usedBytes)} of {formatBytes(quotaBytes)}
        </span>
      </div>
      <p className="dim note">
        What is removed in this window stays for {keepsFor(trash)}. The oldest goes earlier when the trash or
        the disk is full.
      </p>
    </div>
  );
}

function cellsOf(entry: TrashEntry, now: number): Parameters<typeof ObjectTable>[0]["rows"][number]["cells"] {
  const { name, kind, removedAt, expiresAt, exclusiveBytes, brings } = entry;
  const [removed, expires] = [Date.parse(removedAt), Date.parse(expiresAt)];
  const brought = bringsWords(brings);
  return [
    {
      sort: name,
      show: (
        <span className="strong" title={name}>
          {name}
        </span>
      ),
    },
    { sort: kind, show: kind },
    {
      sort: removed,
      show: (
        <span className="dim" title={new Date(removed).toLocaleString()}>
          {roughly(removed, now)} ago
        </span>
      ),
    },
    {
      sort: expires,
      show: (
        <span title={new Date(expires).toLocaleString()}>{roughly(Math.min(now, expires), expires)}</span>
      ),
    },
    { sort: exclusiveBytes, show: formatBytes(exclusiveBytes) },
    { sort: brought, show: <span title={brought}>{brought}</span> },
    { sort: 0, show: <Actions entry={entry} /> },
  ];
}

function Actions({ entry }: { readonly entry: TrashEntry }): ReactElement {
  return (
    <span className="row">
      <Button
        className="small"
        tabIndex={-1}
        title="Restore (R)"
        aria-label={`Restore ${entry.name}`}
        onClick={() => void restore(entry)}
      >
        <Undo2 size={14} /> Restore
      </Button>
      <IconButton
        className="small"
        tabIndex={-1}
        label={`Delete ${entry.name} forever…`}
        keyName="Del"
        onClick={() => openDialog({ kind: "delete-forever", entry })}
      >
        <Trash2 size={14} />
      </IconButton>
    </span>
  );
}
