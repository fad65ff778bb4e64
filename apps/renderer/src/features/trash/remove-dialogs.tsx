import type { ContainerSummary, ImageSummary } from "@longshore/protocol";
import { CheckField, TextField } from "@longshore/ui";
import { useState, type ReactElement, type ReactNode } from "react";
import { ActionDialog } from "../../shell/action-dialog.tsx";
import { imageName, imageTags, nameOf } from "../../world/derive.ts";
import { useWorld } from "../../world/store.ts";
import { isLive, takeContainer, takeImage, takeVolume, usersOfVolume } from "./remove.ts";
import { keepsFor } from "./words.ts";

interface Frame {
  readonly onClose: () => void;
}

/** What becomes of it: the trash's promise, or that there is none. */
function Afterwards({ kept, lost }: { readonly kept: string; readonly lost: string }): ReactElement {
  const engine = useWorld((world) => world.engine);
  const trash = engine?.trash ?? null;
  if (trash === null)
    return (
      <p>
        {engine?.isLongshore === true ? "The engine’s trash is off" : "This engine has no trash"}: {lost}
      </p>
    );
  return (
    <p>
      {kept} It can be restored from the trash for {keepsFor(trash)}, or until newer removals fill it.
    </p>
  );
}

/** Says what goes with the container before it goes. */
export function RemoveContainer({
  container,
  onClose,
}: Frame & { readonly container: ContainerSummary }): ReactElement {
  const hasTrash = useWorld((world) => (world.engine?.trash ?? null) !== null);
  const [volumes, setVolumes] = useState(false);
  const name = nameOf(container);
  const force = isLive(container);
  return (
    <ActionDialog
      title={`Remove ${name}?`}
      action={`Remove ${name}`}
      busy="Removing…"
      failed={`Couldn’t remove ${name}`}
      isDanger
      onClose={onClose}
      onAction={() => takeContainer(container, { force, volumes })}
    >
      {force && <p>It is running and will be killed first: what its programs hold in memory is lost.</p>}
      <Afterwards
        kept="What it wrote on top of its image is kept with it."
        lost="what it wrote on top of its image is lost for good."
      />
      <p>The image and named volumes stay.</p>
      <CheckField
        label={
          hasTrash
            ? "Remove its anonymous volumes too (they come back with it)"
            : "Remove its anonymous volumes too"
        }
        checked={volumes}
        onChange={(event) => setVolumes(event.target.checked)}
      />
    </ActionDialog>
  );
}

export function RemoveImage({ image, onClose }: Frame & { readonly image: ImageSummary }): ReactElement {
  const users = useWorld((world) => world.containers).filter((row) => row.ImageID === image.Id);
  const [name = imageName(image), other] = imageTags(image);
  return (
    <ActionDialog
      title={`Remove ${name}?`}
      action={(failure) => (failure === undefined ? "Remove image" : "Remove by force")}
      busy="Removing…"
      failed={`Couldn’t remove ${name}`}
      isDanger
      onClose={onClose}
      onAction={(failure) => takeImage(image, failure !== undefined)}
    >
      <UsedBy users={users}>
        {users.length === 1 ? "is made from it and keeps working." : "are made from it and keep working."}
      </UsedBy>
      {other === undefined ? (
        <Afterwards
          kept="Its layers are kept with it."
          lost="layers that no other image needs are deleted. It can be pulled or loaded again."
        />
      ) : (
        <p>Only this name goes: the image stays as {other}.</p>
      )}
    </ActionDialog>
  );
}

/** For good the name must be typed: its data cannot be brought back. */
export function RemoveVolume({ name, onClose }: Frame & { readonly name: string }): ReactElement {
  const hasTrash = useWorld((world) => (world.engine?.trash ?? null) !== null);
  const [typed, setTyped] = useState("");
  const users = usersOfVolume(name);
  return (
    <ActionDialog
      title={hasTrash ? `Remove ${name}?` : "Remove this volume and its data?"}
      action="Remove volume"
      busy="Removing…"
      failed={`Couldn’t remove ${name}`}
      isDanger
      isReady={hasTrash || typed === name}
      onClose={onClose}
      onAction={() => takeVolume(name)}
    >
      <UsedBy users={users}>
        {users.length === 1
          ? "uses it: remove that container first."
          : "use it: remove those containers first."}
      </UsedBy>
      <Afterwards kept="What is in it is kept with it." lost="what is in it is deleted for good." />
      {!hasTrash && (
        <TextField
          label={`Type ${name} to confirm`}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      )}
    </ActionDialog>
  );
}

const MOST_NAMED = 5;

function UsedBy({
  users,
  children,
}: {
  readonly users: readonly ContainerSummary[];
  readonly children: ReactNode;
}): ReactElement | null {
  if (users.length === 0) return null;
  const named = users.slice(0, MOST_NAMED).map(nameOf).join(", ");
  const more = users.length - MOST_NAMED;
  return (
    <p>
      <span className="strong">{named}</span>
      {more > 0 ? ` and ${more} more` : ""} {children}
    </p>
  );
}
