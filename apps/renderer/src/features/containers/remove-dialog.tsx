import type { ContainerSummary } from "@longshore/protocol";
import { CheckField } from "@longshore/ui";
import { useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { ActionDialog } from "../../shell/action-dialog.tsx";
import { go, parseRoute } from "../../shell/routes.ts";
import { toast } from "../../shell/toasts.tsx";
import { nameOf } from "../../world/derive.ts";
import { refresh } from "../../world/feed.ts";

/** Says what goes with the container before it goes. */
export function RemoveDialog({
  container,
  onClose,
}: {
  readonly container: ContainerSummary;
  readonly onClose: () => void;
}): ReactElement {
  const [volumes, setVolumes] = useState(false);
  const name = nameOf(container);
  const isRunning = ["running", "paused", "restarting"].includes(container.State);
  return (
    <ActionDialog
      title={`Remove ${name}?`}
      action={`Remove ${name}`}
      busy="Removing…"
      failed={`Couldn’t remove ${name}`}
      isDanger
      onClose={onClose}
      onAction={async () => {
        await call("containers.remove", { id: container.Id, force: isRunning, volumes });
        if (parseRoute(window.location.hash).id === container.Id) go({ page: "containers" });
        toast({ title: `Removed ${name}`, body: "", isBad: false });
        refresh(["containers"]);
      }}
    >
      {isRunning && <p>It is running and will be killed first.</p>}
      <p>What it wrote on top of its image is lost. The image and named volumes stay.</p>
      <CheckField
        label="Remove its anonymous volumes too"
        checked={volumes}
        onChange={(event) => setVolumes(event.target.checked)}
      />
    </ActionDialog>
  );
}
