import type { Network } from "@longshore/protocol";
import { Button, CheckField, EmptyState, shortId, TextField } from "@longshore/ui";
import { Plus, Trash2 } from "lucide-react";
import { useEffect, useRef, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { ActionDialog } from "../../shell/action-dialog.tsx";
import { DetailFrame } from "../../shell/detail-frame.tsx";
import { openDialog } from "../../shell/dialogs.ts";
import { Failure } from "../../shell/failure.tsx";
import { Gone } from "../../shell/gone.tsx";
import { ListPage } from "../../shell/list-page.tsx";
import { ObjectLink } from "../../shell/object-link.tsx";
import { ObjectTable, type ObjectTableHandle } from "../../shell/object-table.tsx";
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

/** All networks, with how many containers are on each. */
export function NetworkList({ selected }: { readonly selected: string | undefined }): ReactElement {
  const networks = useWorld((world) => world.networks);
  const containers = useWorld((world) => world.containers);
  const [filter, setFilter] = useState("");
  const table = useRef<ObjectTableHandle>(null);
  const shown = networks.filter((network) =>
    [network.Name, network.Driver, subnets(network)].join(" ").toLowerCase().includes(filter.toLowerCase()),
  );
  const create = (
    <Button look="primary" onClick={() => openDialog({ kind: "create-network" })}>
      <Plus size={16} /> Create…
    </Button>
  );
  const membersOf = (network: Network): number =>
    containers.filter((row) => row.NetworkSettings?.Networks?.[network.Name] !== undefined).length;
  return (
    <ListPage
      kind="networks"
      title="Networks"
      filter={filter}
      onFilter={setFilter}
      onArrowDown={() => table.current?.focus()}
      total={networks.length}
      shown={shown.length}
      actions={create}
      empty={
        <EmptyState title="No networks" action={create}>
          Containers on one network find each other by name.
        </EmptyState>
      }
    >
      <ObjectTable
        ref={table}
        label="Networks"
        columns={[
          { title: "Name", width: "minmax(140px, 1.6fr)" },
          { title: "Subnet", width: "minmax(120px, 1.2fr)" },
          { title: "Containers", width: "88px", isNumber: true },
          { title: "Driver", width: "minmax(110px, 1fr)", isExtra: true },
          { title: "Id", width: "112px", isExtra: true },
        ]}
        selected={selected}
        onOpen={(id) => go({ page: "networks", id })}
        rows={shown.map((network) => {
          const members = membersOf(network);
          return {
            id: network.Id,
            cells: [
              { sort: network.Name, show: <span className="strong">{network.Name}</span> },
              { sort: subnets(network), show: <span className="mono">{subnets(network)}</span> },
              { sort: members, show: members === 0 ? <span className="dim">0</span> : members },
              { sort: network.Driver, show: `${network.Driver}${network.Internal ? ", internal" : ""}` },
              { sort: network.Id, show: <span className="mono dim">{shortId(network.Id)}</span> },
            ],
          };
        })}
      />
    </ListPage>
  );
}

export function CreateNetwork({ onClose }: { readonly onClose: () => void }): ReactElement {
  const [name, setName] = useState("");
  const [subnet, setSubnet] = useState("");
  const [internal, setInternal] = useState(false);
  return (
    <ActionDialog
      title="Create a network"
      action="Create"
      busy="Creating…"
      failed="Couldn’t create it"
      isReady={name.trim() !== ""}
      onClose={onClose}
      onAction={async () => {
        const { Id } = await call("networks.create", { name: name.trim(), subnet: subnet.trim(), internal });
        refresh(["networks"]);
        go({ page: "networks", id: Id });
      }}
    >
      <TextField
        label="Name"
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
    </ActionDialog>
  );
}

export function NetworkDetail({ id }: { readonly id: string }): ReactElement {
  const listed = useWorld((world) => world.networks.find((one) => one.Id === id));
  const containers = useWorld((world) => world.containers);
  const isLoaded = useWorld((world) => world.loaded.has("networks"));
  const [network, setNetwork] = useState<Network>();
  const [failure, setFailure] = useState<unknown>();
  const [isRemoving, setRemoving] = useState(false);
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
  if (isLoaded && listed === undefined) return <Gone what="network" page="networks" />;
  const name = listed?.Name ?? network?.Name ?? id;
  const members = Object.entries(network?.Containers ?? {});
  const connected = new Set(members.map(([member]) => member));
  const waiting = containers.filter(
    (row) => row.NetworkSettings?.Networks?.[name] !== undefined && !connected.has(row.Id),
  );
  return (
    <DetailFrame
      page="networks"
      label={`Network ${name}`}
      title={name}
      actions={
        <Button
          disabled={BUILT_IN.has(name)}
          title={BUILT_IN.has(name) ? "The engine's own networks stay." : undefined}
          onClick={() => setRemoving(true)}
        >
          <Trash2 size={14} /> Remove…
        </Button>
      }
    >
      <div className="pad stack">
        {failure !== undefined && <Failure what={`Couldn’t read ${name}`} error={failure} />}
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
          {members.length + waiting.length === 0 ? (
            <p className="dim">None is connected.</p>
          ) : (
            <dl className="facts">
              {members.map(([member, endpoint]) => (
                <div key={member} className="contents">
                  <dt>
                    <ObjectLink to={{ page: "containers", id: member }}>{endpoint.Name}</ObjectLink>
                  </dt>
                  <dd className="mono">{endpoint.IPv4Address}</dd>
                </div>
              ))}
              {waiting.map((row) => (
                <div key={row.Id} className="contents">
                  <dt>
                    <ObjectLink to={{ page: "containers", id: row.Id }}>
                      {(row.Names[0] ?? row.Id).replace(/^\//, "")}
                    </ObjectLink>
                  </dt>
                  <dd className="dim">joins when it starts</dd>
                </div>
              ))}
            </dl>
          )}
        </section>
      </div>
      {isRemoving && (
        <ActionDialog
          title={`Remove ${name}?`}
          action="Remove network"
          busy="Removing…"
          failed={`Couldn’t remove ${name}`}
          isDanger
          onClose={() => setRemoving(false)}
          onAction={async () => {
            await call("networks.remove", { id });
            refresh(["networks"]);
            go({ page: "networks" });
          }}
        >
          <p>
            {members.length === 0
              ? "No container is on it."
              : `${members.length === 1 ? "1 container is" : `${members.length} containers are`} on it: stop or disconnect first.`}
          </p>
        </ActionDialog>
      )}
    </DetailFrame>
  );
}
