import type { Volume } from "@longshore/protocol";
import { Button, EmptyState, TextField } from "@longshore/ui";
import { Plus, Trash2 } from "lucide-react";
import { useMemo, useRef, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { ActionDialog } from "../../shell/action-dialog.tsx";
import { DetailFrame } from "../../shell/detail-frame.tsx";
import { openDialog } from "../../shell/dialogs.ts";
import { Gone } from "../../shell/gone.tsx";
import { ListPage } from "../../shell/list-page.tsx";
import { ObjectLink } from "../../shell/object-link.tsx";
import { ObjectTable, type ObjectTableHandle } from "../../shell/object-table.tsx";
import { go } from "../../shell/routes.ts";
import { roughly, useNow } from "../../world/ago.ts";
import { nameOf } from "../../world/derive.ts";
import { refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";
import { removeVolume, volumeAsksFirst } from "../trash/remove.ts";

/** All volumes, with the containers that mount them. */
export function VolumeList({ selected }: { readonly selected: string | undefined }): ReactElement {
  const volumes = useWorld((world) => world.volumes);
  const containers = useWorld((world) => world.containers);
  const [filter, setFilter] = useState("");
  const table = useRef<ObjectTableHandle>(null);
  const now = useNow();
  const users = useMemo(
    () =>
      Map.groupBy(
        containers.flatMap((row) => (row.Mounts ?? []).map((mount) => ({ volume: mount.Name, row }))),
        ({ volume }) => volume,
      ),
    [containers],
  );
  const shown = volumes.filter((volume) => volume.Name.toLowerCase().includes(filter.toLowerCase()));
  const create = (
    <Button look="primary" onClick={() => openDialog({ kind: "create-volume" })}>
      <Plus size={16} /> Create…
    </Button>
  );
  return (
    <ListPage
      kind="volumes"
      title="Volumes"
      filter={filter}
      onFilter={setFilter}
      onArrowDown={() => table.current?.focus()}
      total={volumes.length}
      shown={shown.length}
      actions={create}
      empty={
        <EmptyState title="No volumes yet" action={create}>
          A volume keeps data when its containers go. Name one in the run form, or create it here.
        </EmptyState>
      }
    >
      <ObjectTable
        ref={table}
        label="Volumes"
        columns={[
          { title: "Name", width: "minmax(160px, 2fr)" },
          { title: "Used by", width: "minmax(120px, 1.4fr)" },
          { title: "Driver", width: "minmax(72px, 0.6fr)", isExtra: true },
          { title: "Created", width: "minmax(96px, 0.8fr)", isExtra: true },
        ]}
        selected={selected}
        onOpen={(id) => go({ page: "volumes", id })}
        onKey={(key, id) => {
          if (key !== "Delete") return false;
          removeVolume(id);
          return true;
        }}
        rows={shown.map((volume) => {
          const names = (users.get(volume.Name) ?? []).map(({ row }) => nameOf(row));
          const createdAt = Date.parse(volume.CreatedAt ?? "");
          return {
            id: volume.Name,
            cells: [
              { sort: volume.Name, show: <span className="strong">{volume.Name}</span> },
              {
                sort: names.length,
                show: names.length === 0 ? <span className="dim">unused</span> : names.join(", "),
              },
              { sort: volume.Driver, show: volume.Driver },
              {
                sort: createdAt,
                show: (
                  <span className="dim">
                    {Number.isNaN(createdAt) ? "" : `${roughly(createdAt, now)} ago`}
                  </span>
                ),
              },
            ],
          };
        })}
      />
    </ListPage>
  );
}

export function CreateVolume({ onClose }: { readonly onClose: () => void }): ReactElement {
  const [name, setName] = useState("");
  return (
    <ActionDialog
      title="Create a volume"
      action="Create"
      busy="Creating…"
      failed="Couldn’t create it"
      onClose={onClose}
      onAction={async () => {
        const volume = await call("volumes.create", { name: name.trim() });
        refresh(["volumes"]);
        go({ page: "volumes", id: volume.Name });
      }}
    >
      <TextField
        label="Name"
        placeholder="made up when empty"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
    </ActionDialog>
  );
}

export function VolumeDetail({ name }: { readonly name: string }): ReactElement {
  const volume = useWorld((world) => world.volumes.find((one) => one.Name === name));
  const containers = useWorld((world) => world.containers);
  const isAsking = useWorld(() => volumeAsksFirst(name));
  if (volume === undefined) return <Gone what="volume" page="volumes" />;
  const users = containers.filter((row) => row.Mounts?.some((mount) => mount.Name === name));
  return (
    <DetailFrame
      page="volumes"
      label={`Volume ${name}`}
      title={name}
      actions={
        <Button onClick={() => removeVolume(name)}>
          <Trash2 size={14} /> Remove{isAsking ? "…" : ""}
        </Button>
      }
    >
      <div className="pad stack">
        <VolumeFacts volume={volume} />
        <section className="card">
          <h3>Used by</h3>
          {users.length === 0 ? (
            <p className="dim">No container.</p>
          ) : (
            <dl className="facts">
              {users.map((user) => (
                <div key={user.Id} className="contents">
                  <dt>
                    <ObjectLink to={{ page: "containers", id: user.Id }}>{nameOf(user)}</ObjectLink>
                  </dt>
                  <dd className="mono">{user.Mounts?.find((mount) => mount.Name === name)?.Destination}</dd>
                </div>
              ))}
            </dl>
          )}
        </section>
      </div>
    </DetailFrame>
  );
}

function VolumeFacts({ volume }: { readonly volume: Volume }): ReactElement {
  const more = { ...volume.Options, ...volume.Labels };
  return (
    <dl className="facts card">
      <dt>Driver</dt>
      <dd>{volume.Driver}</dd>
      <dt>Stored at</dt>
      <dd className="mono">{volume.Mountpoint}</dd>
      {Object.entries(more).map(([key, value]) => (
        <div key={key} className="contents">
          <dt>{key}</dt>
          <dd className="mono">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
