import { Button, formatBytes, IconButton, StateMark } from "@longshore/ui";
import { X } from "lucide-react";
import type { ReactElement } from "react";
import { Failure } from "../../shell/failure.tsx";
import { paceOf, shareOf } from "./progress.ts";
import { cancel, forget, useTransfers, type Transfer } from "./transfers.ts";

/** Pulls and loads under way, layer by layer. */
export function TransferList(): ReactElement | null {
  const transfers = useTransfers((state) => state.transfers);
  if (transfers.length === 0) return null;
  return (
    <div className="transfers" role="region" aria-label="Transfers">
      {transfers.map((transfer) => (
        <TransferCard key={transfer.key} transfer={transfer} />
      ))}
    </div>
  );
}

const ENDINGS = {
  done: { tone: "running", shape: "tick", word: "Done" },
  failed: { tone: "bad", shape: "cross", word: "Failed" },
  cancelled: { tone: "idle", shape: "hollow", word: "Cancelled" },
} as const;

function TransferCard({ transfer }: { readonly transfer: Transfer }): ReactElement {
  const { layers, message } = transfer.progress;
  const pace = paceOf(transfer.progress, transfer.updatedAt - transfer.startedAt);
  return (
    <section className="card">
      <div className="row">
        <h3 className="grow cut">{transfer.title}</h3>
        <span className="dim number">
          {pace.sizeBytes > 0 && `${formatBytes(pace.fetchedBytes)} of ${formatBytes(pace.sizeBytes)}`}
          {pace.perSecond !== undefined && `, ${formatBytes(pace.perSecond)}/s`}
          {pace.leftSeconds !== undefined && `, ${pace.leftSeconds} s left`}
        </span>
        {transfer.state === "running" ? (
          <Button className="small" onClick={() => cancel(transfer.key)}>
            Cancel
          </Button>
        ) : (
          <>
            <StateMark {...ENDINGS[transfer.state]} />
            <IconButton
              className="small"
              label={`Forget ${transfer.title}`}
              onClick={() => forget(transfer.key)}
            >
              <X size={14} />
            </IconButton>
          </>
        )}
      </div>
      {transfer.error !== undefined && (
        <Failure
          what={`${transfer.title} failed`}
          error={transfer.error}
          action={transfer.again.label}
          onAction={() => {
            forget(transfer.key);
            transfer.again.run();
          }}
        />
      )}
      {layers.map((layer) => {
        const share = shareOf(layer);
        return (
          <div key={layer.id} className="transfer-layer">
            <span className="mono dim">{layer.id.slice(0, 12)}</span>
            <span className="cut">{layer.status}</span>
            <div
              className="bar"
              role="progressbar"
              aria-label={`Layer ${layer.id}`}
              aria-valuenow={share === undefined ? undefined : Math.round(share * 100)}
            >
              <i style={{ width: `${(share ?? 0) * 100}%` }} />
            </div>
          </div>
        );
      })}
      {message !== "" && <p className="dim cut">{message}</p>}
    </section>
  );
}
