import type { ImageSummary } from "@longshore/protocol";
import { Button, EmptyState, formatBytes, shortId } from "@longshore/ui";
import { Download, FolderOpen } from "lucide-react";
import { useMemo, useRef, useState, type ReactElement } from "react";
import { openDialog } from "../../shell/dialogs.ts";
import { ListPage } from "../../shell/list-page.tsx";
import { ObjectTable, type ObjectTableHandle } from "../../shell/object-table.tsx";
import { go } from "../../shell/routes.ts";
import { roughly, useNow } from "../../world/ago.ts";
import { imageName, imageTags } from "../../world/derive.ts";
import { useWorld } from "../../world/store.ts";
import { removeImage } from "../trash/remove.ts";
import { TransferList } from "./transfer-list.tsx";
import { loadChosen } from "./transfers.ts";

/** All images, with who uses them; pull by name or load from a file. */
export function ImageList({ selected }: { readonly selected: string | undefined }): ReactElement {
  const images = useWorld((world) => world.images);
  const containers = useWorld((world) => world.containers);
  const [filter, setFilter] = useState("");
  const table = useRef<ObjectTableHandle>(null);
  const now = useNow();
  const users = useMemo(() => Map.groupBy(containers, (row) => row.ImageID), [containers]);
  const shown = images.filter((image) =>
    [...(image.RepoTags ?? []), image.Id].join(" ").toLowerCase().includes(filter.toLowerCase()),
  );
  const actions = (
    <>
      <Button onClick={() => void loadChosen()}>
        <FolderOpen size={14} /> Load…
      </Button>
      <Button look="primary" onClick={() => openDialog({ kind: "pull", reference: "" })}>
        <Download size={14} /> Pull…
      </Button>
    </>
  );
  return (
    <ListPage
      kind="images"
      title="Images"
      filter={filter}
      onFilter={setFilter}
      onArrowDown={() => table.current?.focus()}
      total={images.length}
      shown={shown.length}
      actions={actions}
      above={<TransferList />}
      empty={
        <EmptyState title="No images yet" action={<div className="row">{actions}</div>}>
          Pull one from a registry, or load one from a file that docker save wrote.
        </EmptyState>
      }
    >
      <ObjectTable
        ref={table}
        label="Images"
        columns={[
          { title: "Name", width: "minmax(160px, 2.4fr)" },
          { title: "Size", width: "84px", isNumber: true },
          { title: "Used by", width: "minmax(96px, 1fr)" },
          { title: "Created", width: "minmax(96px, 1fr)", isExtra: true },
          { title: "Id", width: "112px", isExtra: true },
        ]}
        selected={selected}
        onOpen={(id) => go({ page: "images", id })}
        onKey={(key, id) => {
          const image = images.find((one) => one.Id === id);
          if (key !== "Delete" || image === undefined) return false;
          removeImage(image);
          return true;
        }}
        rows={shown.map((image) => {
          const count = users.get(image.Id)?.length ?? 0;
          return {
            id: image.Id,
            cells: [
              { sort: imageName(image), show: <ImageNames image={image} /> },
              { sort: image.Size, show: formatBytes(image.Size) },
              { sort: count, show: <span className={count === 0 ? "dim" : ""}>{usedBy(count)}</span> },
              {
                sort: image.Created,
                show: <span className="dim">{roughly(image.Created * 1000, now)} ago</span>,
              },
              { sort: image.Id, show: <span className="mono dim">{shortId(image.Id)}</span> },
            ],
          };
        })}
      />
    </ListPage>
  );
}

function ImageNames({ image }: { readonly image: ImageSummary }): ReactElement {
  const [first = imageName(image), ...more] = imageTags(image);
  return (
    <span title={[first, ...more].join("\n")}>
      <span className="strong">{first}</span>
      {more.length > 0 && <span className="dim"> +{more.length}</span>}
    </span>
  );
}

function usedBy(count: number): string {
  if (count === 0) return "unused";
  return count === 1 ? "1 container" : `${count} containers`;
}
