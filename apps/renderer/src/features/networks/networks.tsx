import type { Network } from "@longshore/protocol";
import { Button, CheckField, Dialog, IconButton, shortId, TextField } from "@longshore/ui";
import { Plus, Trash2, X } from "lucide-react";
import { useEffect, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { Failure } from "../../shell/failure.tsx";
import { ObjectTable } from "../../shell/object-table.tsx";
import { go } from "../../shell/routes.ts";
import { refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";

const BUILT_IN: ReadonlySet<string> = new Set(["bridge", "host", "none"]);

function subnets(network: Network): string {
  return (network.IPAM?.Config ?? [])
    .map((config) => config.Subnet ?? "")
    .filter(Boolean)
    .join(", ");
}

export function NetworkList({ selected }: { readonly selected: string | undefined }): ReactElement {
  const networks = useWorld((world) => world.networks);
  const failure = useWorld((world) => world.loadErrors.networks);
  const [isCreating, setCreating] = useState(false);
  return (
    <section className="list" aria-label="Networks">
      <header className="toolbar">
        <h1 className="grow">Networks</h1>
        <Button look="primary" onClick={() => setCreating(true)}>
          <Plus size={16} /> Create…
        </Button>
      </header>
      {failure !== undefined && (
        <Failure
          what="Couldn’t list the networks"
          error={failure}
          action="Try again"
          onAction={() => refresh(["networks"])}
        />
      )}
      <ObjectTable
        label="Networks"
        columns={["Name", "Driver", "Subnet", "Id"]}
        selected={selected}
        onOpen={(id) => go({ page: "networks", id })}
        rows={networks.map((network) => ({
          id: network.Id,
          name: network.Name,
          cells: [
            <span key="n" className="strong">
              {network.Name}
            </span>,
            `${network.Driver}${network.Internal ? ", internal" : ""}`,
            <span key="s" className="mono">
              {subnets(network)}
            </span>,
            <span key="i" className="mono dim">
              {shortId(network.Id)}
            </span>,
          ],
        }))}
      />
      {isCreating && <CreateNetwork onClose={() => setCreating(false)} />}
    </section>
  );
}

function CreateNetwork({ onClose }: { readonly onClose: () => void }): ReactElement {
  const [name, setName] = useState("");
  const [subnet, setSubnet] = useState("");
  const [internal, setInternal] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const create = async (): Promise<void> => {
    try {
      const { Id } = await call("networks.create", { name: name.trim(), subnet: subnet.trim(), internal });
      refresh(["networks"]);
      onClose();
      go({ page: "networks", id: Id });
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Dialog
      title="Create a network"
      onClose={onClose}
      foot={
        <Button look="primary" disabled={name.trim() === ""} onClick={() => void create()}>
          Create
        </Button>
      }
    >
      <div className="stack">
        <TextField
          label="Name"
          autoFocus
          value={name}
          onChange={(event) => setName(event.target.value)}
          hint="Containers on it find each other by name."
        />
        <TextField
          label="Subnet"
          placeholder="chosen when empty"
          className="input mono"
          value={subnet}
          onChange={(event) => setSubnet(event.target.value)}
        />
        <CheckField
          label="Internal: no way out"
          checked={internal}
          onChange={(event) => setInternal(event.target.checked)}
        />
        {failure !== undefined && <Failure what="Couldn’t create it" error={failure} />}
      </div>
    </Dialog>
  );
}

export function NetworkDetail({ id }: { readonly id: string }): ReactElement {
  const listed = useWorld((world) => world.networks.find((one) => one.Id === id));
  const containers = useWorld((world) => world.containers);
  const [network, setNetwork] = useState<Network>();
  const [failure, setFailure] = useState<unknown>();
  useEffect(() => {
    let isCurrent = true;
    call("networks.inspect", { id }).then(
      (value) => isCurrent && setNetwork(value),
      (error: unknown) => isCurrent && setFailure(error),
    );
    return () => {
      isCurrent = false;
    };
    // Joining and leaving show in the containers' list.
  }, [id, containers]);
  const name = listed?.Name ?? network?.Name ?? id;
  const members = Object.entries(network?.Containers ?? {});
  const remove = async (): Promise<void> => {
    try {
      await call("networks.remove", { id });
      refresh(["networks"]);
      go({ page: "networks" });
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <section className="detail" aria-label={`Network ${name}`}>
      <header className="detail-head">
        <div className="row">
          <h2 className="cut grow">{name}</h2>
          <IconButton label="Close details" keyName="Esc" onClick={() => go({ page: "networks" })}>
            <X size={16} />
          </IconButton>
        </div>
        <div className="row detail-actions">
          <Button disabled={BUILT_IN.has(name)} onClick={() => void remove()}>
            <Trash2 size={14} /> Remove
          </Button>
        </div>
      </header>
      <div className="pad stack">
        {failure !== undefined && <Failure what={`Something failed with ${name}`} error={failure} />}
        {network !== undefined && (
          <dl className="facts card">
            <dt>Driver</dt>
            <dd>{network.Driver}</dd>
            <dt>Subnet</dt>
            <dd className="mono">{subnets(network) || "none"}</dd>
            <dt>Gateway</dt>
            <dd className="mono">{network.IPAM?.Config?.[0]?.Gateway ?? "none"}</dd>
            <dt>Way out</dt>
            <dd>{network.Internal ? "none (internal)" : "yes"}</dd>
          </dl>
        )}
        <section className="card">
          <h3>Containers</h3>
          {members.length === 0 ? (
            <p className="dim">None is connected.</p>
          ) : (
            members.map(([member, endpoint]) => (
              <p key={member} className="row">
                <a
                  href={`#/containers/${member}`}
                  onClick={(event) => {
                    event.preventDefault();
                    go({ page: "containers", id: member });
                  }}
                >
                  {endpoint.Name}
                </a>
                <span className="mono dim">{endpoint.IPv4Address}</span>
              </p>
            ))
          )}
        </section>
      </div>
    </section>
  );
}
