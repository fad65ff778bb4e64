import type { ImageInspect } from "@longshore/protocol";
import { Button, formatBytes, TabPanel, Tabs, TextField } from "@longshore/ui";
import { Play, Save, Tag, Trash2 } from "lucide-react";
import { useEffect, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { ActionDialog } from "../../shell/action-dialog.tsx";
import { DetailFrame } from "../../shell/detail-frame.tsx";
import { openDialog } from "../../shell/dialogs.ts";
import { Failure } from "../../shell/failure.tsx";
import { Gone } from "../../shell/gone.tsx";
import { ObjectLink } from "../../shell/object-link.tsx";
import { go } from "../../shell/routes.ts";
import { toast, toastFailure } from "../../shell/toasts.tsx";
import { imageName, nameOf } from "../../world/derive.ts";
import { imageDetails, refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";
import { Inspect } from "../containers/inspect.tsx";
import { imageAsksFirst, removeImage } from "../trash/remove.ts";
import { LayersTab } from "./layers-tab.tsx";

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
}: {
  readonly id: string;
  readonly tab: string | undefined;
}): ReactElement {
  const summary = useWorld((world) => world.images.find((image) => image.Id === id));
  const isLoaded = useWorld((world) => world.loaded.has("images"));
  const isAsking = useWorld(() => summary === undefined || imageAsksFirst(summary));
  const [details, setDetails] = useState<ImageInspect>();
  const [failure, setFailure] = useState<unknown>();
  const [isSaving, setSaving] = useState(false);
  const [isTagging, setTagging] = useState(false);
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
  if (isLoaded && summary === undefined) return <Gone what="image" page="images" />;
  const name = summary === undefined ? (details?.RepoTags?.[0] ?? id) : imageName(summary);
  const save = async (): Promise<void> => {
    setSaving(true);
    try {
      const saved = await call("images.save", { reference: name.startsWith("untagged ") ? id : name });
      if (saved) toast({ title: `Saved ${saved.name}`, body: formatBytes(saved.sizeBytes), isBad: false });
    } catch (error) {
      toastFailure(`Couldn’t save ${name}`, error);
    } finally {
      setSaving(false);
    }
  };
  return (
    <DetailFrame
      page="images"
      label={`Image ${name}`}
      title={name}
      beside={
        <span className="dim number">
          {details === undefined
            ? ""
            : `${formatBytes(details.Size)} · ${details.Os}/${details.Architecture}`}
        </span>
      }
      actions={
        <>
          <Button look="primary" onClick={() => openDialog({ kind: "run", image: name })}>
            <Play size={14} /> Run…
          </Button>
          <Button onClick={() => setTagging(true)}>
            <Tag size={14} /> Tag…
          </Button>
          <Button disabled={isSaving} onClick={() => void save()}>
            <Save size={14} /> {isSaving ? "Saving…" : "Save…"}
          </Button>
          <Button disabled={summary === undefined} onClick={() => summary && removeImage(summary)}>
            <Trash2 size={14} /> Remove{isAsking ? "…" : ""}
          </Button>
        </>
      }
      tabs={
        <Tabs<Tab>
          label="About this image"
          choices={tabs}
          value={known}
          onChoose={(next) => go({ page: "images", id, tab: next })}
        />
      }
    >
      {failure !== undefined && <Failure what={`Couldn’t read ${name}`} error={failure} />}
      <TabPanel label={tabs.find((one) => one.id === known)?.label ?? ""}>
        {known === "layers" && <LayersTab key={id} id={id} />}
        {known === "used" && <UsedBy id={id} />}
        {known === "inspect" && details !== undefined && <Inspect value={details} name="image" />}
      </TabPanel>
      {isTagging && <TagImage id={id} onClose={() => setTagging(false)} />}
    </DetailFrame>
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
          <ObjectLink to={{ page: "containers", id: user.Id }}>{nameOf(user)}</ObjectLink>
          <span className="dim">{user.Status}</span>
        </li>
      ))}
    </ul>
  );
}

function TagImage({ id, onClose }: { readonly id: string; readonly onClose: () => void }): ReactElement {
  const [reference, setReference] = useState("");
  return (
    <ActionDialog
      title="Give it another name"
      action="Tag"
      busy="Tagging…"
      failed="Couldn’t tag it"
      isReady={reference.trim() !== ""}
      onClose={onClose}
      onAction={async () => {
        await call("images.tag", { id, reference: reference.trim() });
        refresh(["images"]);
      }}
    >
      <TextField
        label="Name and tag"
        className="input mono"
        placeholder="team/app:1.2"
        value={reference}
        onChange={(event) => setReference(event.target.value)}
      />
    </ActionDialog>
  );
}
