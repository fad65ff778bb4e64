import type { TrashEntry } from "@longshore/protocol";
import { TextField } from "@longshore/ui";
import { useEffect, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { ActionDialog } from "../../shell/action-dialog.tsx";
import { imageTags, nameOf } from "../../world/derive.ts";
import { useWorld, type World } from "../../world/store.ts";
import { tellRestored } from "./remove.ts";
import { freeName } from "./words.ts";

/** Asks for other names when a restore was refused: for the object, and for volumes that would come back with it. */
export function RestoreDialog({
  entry,
  refusal,
  onClose,
}: {
  readonly entry: Pick<TrashEntry, "id" | "kind" | "name">;
  readonly refusal: unknown;
  readonly onClose: () => void;
}): ReactElement {
  const { id, kind } = entry;
  const [name, setName] = useState(() => {
    const isTaken = takenIn(useWorld.getState(), kind);
    return kind !== "image" && !isTaken(entry.name) ? entry.name : freeName(kind, entry.name, isTaken);
  });
  const [volumes, setVolumes] = useState<Readonly<Record<string, string>>>({});
  useEffect(() => {
    if (kind !== "container") return;
    let isCurrent = true;
    void call("trash.list", {}).then(({ entries }) => {
      const brings = entries.find((one) => one.id === id)?.brings ?? [];
      const isTaken = takenIn(useWorld.getState(), "volume");
      const taken = brings.filter((one) => one.kind === "volume" && isTaken(one.name));
      if (isCurrent)
        setVolumes(Object.fromEntries(taken.map((one) => [one.name, freeName("volume", one.name, isTaken)])));
    });
    return () => {
      isCurrent = false;
    };
  }, [id, kind]);
  return (
    <ActionDialog
      title={`Restore ${entry.name} under another name?`}
      action="Restore"
      busy="Restoring…"
      failed={`Couldn’t restore ${entry.name}`}
      because={refusal}
      isReady={name.trim() !== "" && Object.values(volumes).every((one) => one.trim() !== "")}
      onClose={onClose}
      onAction={async () => {
        const others = Object.fromEntries(Object.entries(volumes).map(([from, to]) => [from, to.trim()]));
        tellRestored(entry, await call("trash.restore", { id, name: name.trim(), volumes: others }));
      }}
    >
      <TextField
        label={kind === "image" ? "Name and tag" : "Name"}
        className="input mono"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      {Object.entries(volumes).map(([from, to]) => (
        <TextField
          key={from}
          label={`Name for its volume ${from}`}
          className="input mono"
          value={to}
          onChange={(event) => setVolumes((old) => ({ ...old, [from]: event.target.value }))}
        />
      ))}
    </ActionDialog>
  );
}

function takenIn(world: World, kind: TrashEntry["kind"]): (name: string) => boolean {
  const names = new Set(
    kind === "container"
      ? world.containers.map(nameOf)
      : kind === "volume"
        ? world.volumes.map((volume) => volume.Name)
        : world.images.flatMap(imageTags),
  );
  return (name) => names.has(name);
}
