import type { Volume } from "@longshore/protocol";
import { Button, Dialog, EmptyState, IconButton, TextField } from "@longshore/ui";
import { Plus, Trash2, X } from "lucide-react";
import { useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { Failure } from "../../shell/failure.tsx";
import { ObjectTable } from "../../shell/object-table.tsx";
import { go } from "../../shell/routes.ts";
import { nameOf } from "../../world/derive.ts";
import { refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";
import { ago } from "../../world/ago.ts";

export function VolumeList({ selected }: { readonly selected: string | undefined }): ReactElement {
  const volumes = useWorld((world) => world.volumes);
  const isLoaded = useWorld((world) => world.loaded.has("volumes"));
  const failure = useWorld((world) => world.loadErrors.volumes);
  const [isCreating, setCreating] = useState(false);
  const create = (
    <Button look="primary" onClick={() => setCreating(true)}>
      <Plus size={16} /> Create…
    </Button>
  );
  return (
    <section className="list" aria-label="Volumes">
      <header className="toolbar">
        <h1 className="grow">Volumes</h1>
        {create}
      </header>
      {failure !== undefined && (
        <Failure
          what="Couldn’t list the volumes"
          error={failure}
          action="Try again"
          onAction={() => refresh(["volumes"])}
        />
      )}
      {isLoaded && volumes.length === 0 && (
        <EmptyState title="No volumes yet" action={create}>
          A volume keeps data when its containers go. Name one in the run form, or create it here.
        </EmptyState>
      )}
      {volumes.length > 0 && (
        <ObjectTable
          label="Volumes"
          columns={["Name", "Driver", "Created"]}
          selected={selected}
          onOpen={(id) => go({ page: "volumes", id })}
          rows={volumes.map((volume) => ({
            id: volume.Name,
            name: volume.Name,
            cells: [
              <span key="n" className="strong">
                {volume.Name}
              </span>,
              volume.Driver,
              volume.CreatedAt === undefined ? "" : `${ago(Date.parse(volume.CreatedAt))}`,
            ],
          }))}
        />
      )}
      {isCreating && <CreateVolume onClose={() => setCreating(false)} />}
    </section>
  );
}

function CreateVolume({ onClose }: { readonly onClose: () => void }): ReactElement {
  const [name, setName] = useState("");
  const [failure, setFailure] = useState<unknown>();
  const create = async (): Promise<void> => {
    try {
      const volume = await call("volumes.create", { name: name.trim() });
      refresh(["volumes"]);
      onClose();
      go({ page: "volumes", id: volume.Name });
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Dialog
      title="Create a volume"
      onClose={onClose}
      foot={
        <Button look="primary" onClick={() => void create()}>
          Create
        </Button>
      }
    >
      <div className="stack">
        <TextField
          label="Name"
          autoFocus
          placeholder="made up when empty"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        {failure !== undefined && <Failure what="Couldn’t create it" error={failure} />}
      </div>
    </Dialog>
  );
}

export function VolumeDetail({ name }: { readonly name: string }): ReactElement {
  const volume = useWorld((world) => world.volumes.find((one) => one.Name === name));
  const containers = useWorld((world) => world.containers);
  const [isRemoving, setRemoving] = useState(false);
  const users = containers.filter((row) => row.Mounts?.some((mount) => mount.Name === name));
  return (
    <section className="detail" aria-label={`Volume ${name}`}>
      <header className="detail-head">
        <div className="row">
          <h2 className="cut grow">{name}</h2>
          <IconButton label="Close details" keyName="Esc" onClick={() => go({ page: "volumes" })}>
            <X size={16} />
          </IconButton>
        </div>
        <div className="row detail-actions">
          <Button onClick={() => setRemoving(true)}>
            <Trash2 size={14} /> Remove…
          </Button>
        </div>
      </header>
      <div className="pad stack">
        {volume === undefined ? <p className="dim">This volume is gone.</p> : <VolumeFacts volume={volume} />}
        <section className="card">
          <h3>Used by</h3>
          {users.length === 0 ? (
            <p className="dim">No container.</p>
          ) : (
            users.map((user) => (
              <p key={user.Id}>
                {nameOf(user)}{" "}
                <span className="dim mono">
                  {user.Mounts?.find((mount) => mount.Name === name)?.Destination}
                </span>
              </p>
            ))
          )}
        </section>
      </div>
      {isRemoving && <RemoveVolume name={name} onClose={() => setRemoving(false)} />}
    </section>
  );
}

function VolumeFacts({ volume }: { readonly volume: Volume }): ReactElement {
  return (
    <dl className="facts card">
      <dt>Driver</dt>
      <dd>{volume.Driver}</dd>
      <dt>Stored at</dt>
      <dd className="mono">{volume.Mountpoint}</dd>
      {Object.entries(volume.Options ?? {}).map(([key, value]) => (
        <div key={key} className="contents">
          <dt>{key}</dt>
          <dd className="mono">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Its data cannot be brought back: the name must be typed. */
function RemoveVolume({
  name,
  onClose,
}: {
  readonly name: string;
  readonly onClose: () => void;
}): ReactElement {
  const [typed, setTyped] = useState("");
  const [failure, setFailure] = useState<unknown>();
  const remove = async (): Promise<void> => {
    try {
      await call("volumes.remove", { name, force: false });
      refresh(["volumes"]);
      onClose();
      go({ page: "volumes" });
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Dialog
      title="Remove this volume and its data?"
      role="alertdialog"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" disabled={typed !== name} onClick={() => void remove()}>
            Remove volume
          </Button>
        </>
      }
    >
      <div className="stack">
        <p>What is in it is deleted for good.</p>
        <TextField
          label={`Type ${name} to confirm`}
          autoFocus
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        {failure !== undefined && <Failure what="Couldn’t remove it" error={failure} />}
      </div>
    </Dialog>
  );
}
