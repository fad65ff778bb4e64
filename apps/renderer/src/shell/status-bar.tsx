import { StateMark } from "@longshore/ui";
import type { ReactElement } from "react";
import { useTransfers } from "../features/images/transfers.ts";
import { openDialog } from "./dialogs.ts";
import { go } from "./routes.ts";
import { useWorld } from "../world/store.ts";

export function StatusBar(): ReactElement {
  const engine = useWorld((world) => world.engine);
  const running = useTransfers((state) => state.transfers.filter((one) => one.state === "running").length);
  const isReady = engine?.phase === "ready";
  return (
    <footer className="status-bar" aria-label="Status" data-pane>
      {isReady ? (
        <StateMark
          tone="running"
          shape="filled"
          word={engine.isLongshore ? "Engine ready" : "Joined another engine"}
        />
      ) : (
        <StateMark tone="warn" shape="half" word="Engine lost, looking for it…" />
      )}
      <span className="mono dim cut">{engine?.endpoint}</span>
      <span className="grow" />
      {running > 0 && (
        <button type="button" className="link" onClick={() => go({ page: "images" })}>
          {running === 1 ? "1 transfer" : `${running} transfers`}
        </button>
      )}
      <button type="button" className="link" onClick={() => openDialog({ kind: "palette" })}>
        Find anything <kbd>Ctrl+K</kbd>
      </button>
      <button type="button" className="link" onClick={() => openDialog({ kind: "help" })}>
        Keyboard <kbd>?</kbd>
      </button>
    </footer>
  );
}
