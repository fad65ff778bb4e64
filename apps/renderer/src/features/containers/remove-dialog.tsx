import type { ContainerSummary } from "@longshore/protocol";
import { Button, CheckField, Dialog } from "@longshore/ui";
import { useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { Failure } from "../../shell/failure.tsx";
import { go, parseRoute } from "../../shell/routes.ts";
import { toast } from "../../shell/toasts.tsx";
import { refresh } from "../../world/feed.ts";

/** Says what goes with the container before it goes. */
export function RemoveDialog({
  container,
  name,
  onClose,
}: {
  readonly container: Pick<ContainerSummary, "Id" | "State" | "Mounts">;
  readonly name: string;
  readonly onClose: () => void;
}): ReactElement {
  const [volumes, setVolumes] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const isRunning = ["running", "paused", "restarting"].includes(container.State);
  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      await call("containers.remove", { id: container.Id, force: isRunning, volumes });
      if (parseRoute(window.location.hash).id === container.Id) go({ page: "containers" });
      toast({ title: `Removed ${name}`, body: "", isBad: false });
      refresh(["containers"]);
      onClose();
    } catch (error) {
      setFailure(error);
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
          <Button look="danger" disabled={isBusy} onClick={() => void remove()}>
            {isBusy ? "Removing…" : `Remove ${name}`}
          </Button>
        </>
      }
    >
      <div className="stack">
        {isRunning && <p>It is running and will be killed first.</p>}
        <p>What it wrote on top of its image is lost. The image stays. Named volumes stay.</p>
        <CheckField
          label="Remove its anonymous volumes too"
          checked={volumes}
          onChange={(event) => setVolumes(event.target.checked)}
        />
        {failure !== undefined && <Failure what={`Couldn’t remove ${name}`} error={failure} />}
      </div>
    </Dialog>
  );
}
