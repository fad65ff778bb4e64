import { TextField } from "@longshore/ui";
import { useState, type ReactElement } from "react";
import { ActionDialog } from "../../shell/action-dialog.tsx";
import { go } from "../../shell/routes.ts";
import { pull } from "./transfers.ts";

/** Starts a pull; its progress is on the Images page and survives navigation. */
export function PullDialog({
  reference: given,
  onClose,
}: {
  readonly reference: string;
  readonly onClose: () => void;
}): ReactElement {
  const [reference, setReference] = useState(given);
  return (
    <ActionDialog
      title="Pull an image"
      action="Pull"
      busy="Pulling…"
      failed="Couldn’t pull it"
      isReady={reference.trim() !== ""}
      onClose={onClose}
      onAction={() => {
        void pull(reference.trim());
        go({ page: "images" });
        return Promise.resolve();
      }}
    >
      <TextField
        label="Image"
        className="input mono"
        placeholder="alpine:3 or registry:5000/team/app"
        value={reference}
        onChange={(event) => setReference(event.target.value)}
        hint="Layers that are here already are not fetched again."
      />
    </ActionDialog>
  );
}
