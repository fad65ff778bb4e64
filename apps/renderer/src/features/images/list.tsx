import type { ImageSummary } from "@longshore/protocol";
import { Button, Dialog, EmptyState, formatBytes, shortId, TextField } from "@longshore/ui";
import { Download, FolderOpen } from "lucide-react";
import { useMemo, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { Failure } from "../../shell/failure.tsx";
import { ObjectTable } from "../../shell/object-table.tsx";
import { go } from "../../shell/routes.ts";
import { toastFailure } from "../../shell/toasts.tsx";
import { refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";
import { TransferList } from "./transfer-list.tsx";
import { load, pull } from "./transfers.ts";
import { ago } from "../../world/ago.ts";

export function imageName(image: Pick<ImageSummary, "RepoTags" | "Id">): string {
  return image.RepoTags?.find((tag) => tag !== "<none>:<none>") ?? `untagged ${shortId(image.Id)}`;
}

/** All images, with who uses them; pull by name or load from a file. */
export function ImageList({ selected }: { readonly selected: string | undefined }): ReactElement {
  const images = useWorld((world) => world.images);
  const containers = useWorld((world) => world.containers);
  const isLoaded = useWorld((world) => world.loaded.has("images"));
  const failure = useWorld((world) => world.loadErrors.images);
  const [filter, setFilter] = useState("");
  const [isPulling, setPulling] = useState(false);
  const users = useMemo(() => Map.groupBy(containers, (row) => row.ImageID), [containers]);
  const shown = images.filter((image) =>
    [...(image.RepoTags ?? []), image.Id].join(" ").toLowerCase().includes(filter.toLowerCase()),
  );
  const chooseFile = async (): Promise<void> => {
    try {
      const choice = await call("images.chooseArchive", {});
      if (choice !== null) await load(choice.token, choice.name);
    } catch (error) {
      toastFailure("Couldn’t load the archive", error);
    }
  };
  const actions = (
    <>
      <Button onClick={() => void chooseFile()}>
        <FolderOpen size={14} /> Load…
      </Button>
      <Button look="primary" onClick={() => setPulling(true)}>
        <Download size={14} /> Pull…
      </Button>
    </>
  );
  return (
    <section className="list" aria-label="Images">
      <header className="toolbar">
        <h1>Images</h1>
        <input
          className="input filter"
          type="search"
          placeholder="Filter"
          aria-label="Filter images"
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
        {actions}
      </header>
      <TransferList />
      {failure !== undefined && (
        <Failure
          what="Couldn’t list the images"
          error={failure}
          action="Try again"
          onAction={() => refresh(["images"])}
        />
      )}
      {isLoaded && images.length === 0 && (
        <EmptyState title="No images yet" action={<div className="row">{actions}</div>}>
          Pull one from a registry, or load one from a file that docker save wrote.
        </EmptyState>
      )}
      {shown.length > 0 && (
        <ObjectTable
          label="Images"
          columns={["Name", "Id", "Size", "Created", "Used by"]}
          selected={selected}
          onOpen={(id) => go({ page: "images", id })}
          rows={shown.map((image) => ({
            id: image.Id,
            name: imageName(image),
            cells: [
              <span key="n" className="strong cut">
                {imageName(image)}
              </span>,
              <span key="i" className="mono dim">
                {shortId(image.Id)}
              </span>,
              <span key="s" className="number">
                {formatBytes(image.Size)}
              </span>,
              <span key="c" className="dim">
                {ago(image.Created * 1000)}
              </span>,
              <span key="u">{usedBy(users.get(image.Id)?.length ?? 0)}</span>,
            ],
          }))}
        />
      )}
      {isPulling && <PullDialog onClose={() => setPulling(false)} />}
    </section>
  );
}

function usedBy(count: number): string {
  if (count === 0) return "unused";
  return count === 1 ? "1 container" : `${count} containers`;
}

function PullDialog({ onClose }: { readonly onClose: () => void }): ReactElement {
  const [reference, setReference] = useState("");
  const start = (): void => {
    if (reference.trim() === "") return;
    void pull(reference.trim());
    onClose();
  };
  return (
    <Dialog
      title="Pull an image"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" disabled={reference.trim() === ""} onClick={start}>
            Pull
          </Button>
        </>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          start();
        }}
      >
        <TextField
          label="Image"
          autoFocus
          className="input mono"
          placeholder="alpine:3 or registry:5000/team/app"
          value={reference}
          onChange={(event) => setReference(event.target.value)}
          hint="Layers that are here already are not fetched again."
        />
      </form>
    </Dialog>
  );
}
