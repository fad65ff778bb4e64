import type { ImageInspect } from "@longshore/protocol";
import { Button, Dialog, formatBytes, IconButton, TabPanel, Tabs, TextField } from "@longshore/ui";
import { Maximize2, Minimize2, Play, Tag, Trash2, X } from "lucide-react";
import { useEffect, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { Failure } from "../../shell/failure.tsx";
import { go } from "../../shell/routes.ts";
import { toast } from "../../shell/toasts.tsx";
import { nameOf } from "../../world/derive.ts";
import { imageDetails, refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";
import { Inspect } from "../containers/inspect.tsx";
import { LayersTab } from "./layers-tab.tsx";
import { imageName } from "./list.tsx";

const tabs = [
  { id: "layers", label: "Layers" },
  { id: "used", label: "Used by" },
  { id: "inspect", label: "Inspect" },
] as const;
type Tab = (typeof tabs)[number]["id"];

/** One image beside the list. */
export function ImageDetail({
  id,
  tab,
  isFull,
  onFull,
  onRun,
}: {
  readonly id: string;
  readonly tab: string | undefined;
  readonly isFull: boolean;
  readonly onFull: () => void;
  readonly onRun: (image: string) => void;
}): ReactElement {
  const summary = useWorld((world) => world.images.find((image) => image.Id === id));
  const [details, setDetails] = useState<ImageInspect>();
  const [failure, setFailure] = useState<unknown>();
  const [dialog, setDialog] = useState<"remove" | "tag">();
  const known = tabs.find((one) => one.id === tab)?.id ?? "layers";
  useEffect(() => {
    let isCurrent = true;
    imageDetails(id).then(
      (value) => isCurrent && setDetails(value),
      (error: unknown) => isCurrent && setFailure(error),
    );
    return () => {
      isCurrent = false;
    };
  }, [id]);
  const name = summary === undefined ? (details?.RepoTags?.[0] ?? id) : imageName(summary);
  return (
    <section className="detail" aria-label={`Image ${name}`}>
      <header className="detail-head">
        <div className="row">
          <h2 className="cut">{name}</h2>
          <span className="dim number">
            {details === undefined
              ? ""
              : `${formatBytes(details.Size)} · ${details.Os}/${details.Architecture}`}
          </span>
          <span className="grow" />
          <IconButton label={isFull ? "Show the list" : "Full width"} onClick={onFull}>
            {isFull ? <Minimize2 size={16} /> : <Maximize2 size={16} />}
          </IconButton>
          <IconButton label="Close details" keyName="Esc" onClick={() => go({ page: "images" })}>
            <X size={16} />
          </IconButton>
        </div>
        <div className="row detail-actions">
          <Button look="primary" onClick={() => onRun(name)}>
            <Play size={14} /> Run…
          </Button>
          <Button onClick={() => setDialog("tag")}>
            <Tag size={14} /> Tag…
          </Button>
          <Button onClick={() => setDialog("remove")}>
            <Trash2 size={14} /> Remove…
          </Button>
        </div>
        <Tabs<Tab>
          label="About this image"
          choices={tabs}
          value={known}
          onChoose={(next) => go({ page: "images", id, tab: next })}
        />
      </header>
      {failure !== undefined && <Failure what={`Couldn’t read ${name}`} error={failure} />}
      <TabPanel label={tabs.find((one) => one.id === known)?.label ?? ""}>
        {known === "layers" && <LayersTab key={id} id={id} />}
        {known === "used" && <UsedBy id={id} />}
        {known === "inspect" && details !== undefined && <Inspect value={details} name="image" />}
      </TabPanel>
      {dialog === "remove" && <RemoveImage id={id} name={name} onClose={() => setDialog(undefined)} />}
      {dialog === "tag" && <TagImage id={id} onClose={() => setDialog(undefined)} />}
    </section>
  );
}

function UsedBy({ id }: { readonly id: string }): ReactElement {
  const containers = useWorld((world) => world.containers);
  const users = containers.filter((row) => row.ImageID === id);
  if (users.length === 0) return <p className="pad dim">No container uses this image.</p>;
  return (
    <ul className="pad stack">
      {users.map((user) => (
        <li key={user.Id} className="row">
          <a
            href={`#/containers/${user.Id}`}
            onClick={(event) => {
              event.preventDefault();
              go({ page: "containers", id: user.Id });
            }}
          >
            {nameOf(user)}
          </a>
          <span className="dim">{user.Status}</span>
        </li>
      ))}
    </ul>
  );
}

function RemoveImage({
  id,
  name,
  onClose,
}: {
  readonly id: string;
  readonly name: string;
  readonly onClose: () => void;
}): ReactElement {
  const [failure, setFailure] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const remove = async (force: boolean): Promise<void> => {
    setBusy(true);
    try {
      const gone = await call("images.remove", {
        id: force || name.startsWith("untagged ") ? id : name,
        force,
      });
      refresh(["images"]);
      const layers = gone.filter((item) => item.Deleted !== undefined).length;
      toast({
        title: `Removed ${name}`,
        body: layers > 0 ? `${layers} layers deleted` : "Only the name is gone",
        isBad: false,
      });
      onClose();
      if (layers > 0) go({ page: "images" });
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Remove ${name}?`}
      role="alertdialog"
      onClose={onClose}
      foot={
        <>
          <Button autoFocus onClick={onClose}>
            Cancel
          </Button>
          <Button look="danger" disabled={isBusy} onClick={() => void remove(failure !== undefined)}>
            {failure === undefined ? "Remove image" : "Remove by force"}
          </Button>
        </>
      }
    >
      <div className="stack">
        <p>Layers that no other image needs are deleted. It can be pulled or loaded again.</p>
        {failure !== undefined && <Failure what={`Couldn’t remove ${name}`} error={failure} />}
      </div>
    </Dialog>
  );
}

function TagImage({ id, onClose }: { readonly id: string; readonly onClose: () => void }): ReactElement {
  const [reference, setReference] = useState("");
  const [failure, setFailure] = useState<unknown>();
  const tag = async (): Promise<void> => {
    try {
      await call("images.tag", { id, reference: reference.trim() });
      refresh(["images"]);
      onClose();
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Dialog
      title="Give it another name"
      onClose={onClose}
      foot={
        <Button look="primary" disabled={reference.trim() === ""} onClick={() => void tag()}>
          Tag
        </Button>
      }
    >
      <div className="stack">
        <TextField
          label="Name and tag"
          autoFocus
          className="input mono"
          placeholder="team/app:1.2"
          value={reference}
          onChange={(event) => setReference(event.target.value)}
        />
        {failure !== undefined && <Failure what="Couldn’t tag it" error={failure} />}
      </div>
    </Dialog>
  );
}
