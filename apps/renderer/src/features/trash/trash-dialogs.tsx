import type { ReclaimResult, TrashEntry } from "@longshore/protocol";
import { formatBytes, TextField } from "@longshore/ui";
import { useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { ActionDialog } from "../../shell/action-dialog.tsx";
import { toast, toastFailure } from "../../shell/toasts.tsx";
import { refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";
import { bringsWords, countWords } from "./words.ts";

const MOST_NAMED = 8;

/** An image can be pulled or built again; for the rest the name must be typed. */
export function DeleteForever({
  entry,
  onClose,
}: {
  readonly entry: TrashEntry;
  readonly onClose: () => void;
}): ReactElement {
  const { id, kind, name, brings, exclusiveBytes } = entry;
  const [typed, setTyped] = useState("");
  const isTyped = kind !== "image";
  return (
    <ActionDialog
      title={`Delete ${name} forever?`}
      action="Delete forever"
      busy="Deleting…"
      failed={`Couldn’t delete ${name}`}
      isDanger
      isReady={!isTyped || typed === name}
      onClose={onClose}
      onAction={() => empty([id], `Deleted ${name} forever`)}
    >
      <p>
        {WHAT_GOES[kind]} {formatBytes(exclusiveBytes)} come back to the disk. Nothing brings it back then.
      </p>
      {brings.length > 0 && <p>With it go: {bringsWords(brings)}.</p>}
      {isTyped && (
        <TextField
          label={`Type ${name} to confirm`}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      )}
    </ActionDialog>
  );
}

const WHAT_GOES: Readonly<Record<TrashEntry["kind"], string>> = {
  container: "What the container wrote and its log are deleted.",
  image: "Layers that nothing else needs are deleted.",
  volume: "What is in the volume is deleted.",
};

/** Deletes what it lists, and not what is removed while it is open. */
export function EmptyTrash({ onClose }: { readonly onClose: () => void }): ReactElement {
  const trash = useWorld((world) => world.trash);
  const [{ entries, usedBytes } = { entries: [], usedBytes: 0 }] = useState(trash);
  const names = entries.map(({ name }) => name).toReversed();
  const more = names.length - MOST_NAMED;
  return (
    <ActionDialog
      title="Empty the trash?"
      action={entries.length === 1 ? "Delete 1 entry forever" : `Delete ${entries.length} entries forever`}
      busy="Deleting…"
      failed="Couldn’t empty the trash"
      isDanger
      onClose={onClose}
      onAction={() =>
        empty(
          entries.map(({ id }) => id),
          "Emptied the trash",
        )
      }
    >
      <p>
        {countWords(entries)}: {formatBytes(usedBytes)} come back to the disk. Nothing brings them back then.
      </p>
      <ul className="trash-names">
        {names.slice(0, MOST_NAMED).map((name, at) => (
          // oxlint-disable-next-line react/no-array-index-key -- two entries may have one name
          <li key={at} className="cut">
            {name}
          </li>
        ))}
        {more > 0 && <li className="dim">and {more} more</li>}
      </ul>
    </ActionDialog>
  );
}

async function empty(ids: readonly string[], title: string): Promise<void> {
  try {
    tell(await call("trash.empty", { ids }), title);
  } finally {
    refresh(["trash"]);
  }
}

function tell({ measuredBytes, failed }: ReclaimResult, title: string): void {
  const [first] = failed;
  if (first === undefined)
    toast({
      title,
      // Whoever else writes to the disk is in it: a small gain may drown.
      body: measuredBytes > 0 ? `The disk has ${formatBytes(measuredBytes)} more.` : "",
      isBad: false,
    });
  else toastFailure(`Couldn’t delete ${failed.map(({ ref }) => ref.name).join(", ")}`, first.message);
}
