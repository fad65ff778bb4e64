import type { ReactElement } from "react";
import { RunForm } from "../features/containers/run-form.tsx";
import { PullDialog } from "../features/images/pull-dialog.tsx";
import { CreateNetwork } from "../features/networks/networks.tsx";
import { RemoveContainer, RemoveImage, RemoveVolume } from "../features/trash/remove-dialogs.tsx";
import { RestoreDialog } from "../features/trash/restore-dialog.tsx";
import { DeleteForever, EmptyTrash } from "../features/trash/trash-dialogs.tsx";
import { CreateVolume } from "../features/volumes/volumes.tsx";
import type { DialogRequest } from "./dialogs.ts";
import { HelpSheet } from "./help-sheet.tsx";
import { Palette } from "./palette.tsx";

/** The dialog that was asked for. */
export function OpenDialog({
  request,
  onClose,
}: {
  readonly request: DialogRequest;
  readonly onClose: () => void;
}): ReactElement {
  switch (request.kind) {
    case "palette":
      return <Palette onClose={onClose} />;
    case "help":
      return <HelpSheet onClose={onClose} />;
    case "run":
      return <RunForm image={request.image} onClose={onClose} />;
    case "pull":
      return <PullDialog reference={request.reference} onClose={onClose} />;
    case "create-volume":
      return <CreateVolume onClose={onClose} />;
    case "create-network":
      return <CreateNetwork onClose={onClose} />;
    case "remove-container":
      return <RemoveContainer container={request.container} onClose={onClose} />;
    case "remove-image":
      return <RemoveImage image={request.image} onClose={onClose} />;
    case "remove-volume":
      return <RemoveVolume name={request.name} onClose={onClose} />;
    case "restore":
      return <RestoreDialog entry={request.entry} refusal={request.refusal} onClose={onClose} />;
    case "delete-forever":
      return <DeleteForever entry={request.entry} onClose={onClose} />;
    case "empty-trash":
      return <EmptyTrash onClose={onClose} />;
  }
}
