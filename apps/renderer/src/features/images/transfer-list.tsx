import { Button, formatBytes } from "@longshore/ui";
import type { ReactElement } from "react";
import { Failure } from "../../shell/failure.tsx";
import { shareOf } from "./progress.ts";
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

function TransferCard({ transfer }: { readonly transfer: Transfer }): ReactElement {
  const { layers, message } = transfer.progress;
  const current = layers.reduce((sum, layer) => sum + layer.current, 0);
  const total = layers.reduce((sum, layer) => sum + layer.total, 0);
  return (
    <section className="card">
      <div className="row">
        <h3 className="grow cut">{transfer.title}</h3>
        <span className="dim number">
          {total > 0 ? `${formatBytes(current)} of ${formatBytes(total)}` : ""}
        </span>
        {transfer.state === "running" ? (
          <Button onClick={() => cancel(transfer.key)}>Cancel</Button>
        ) : (
          <>
            <span className="quiet">{transfer.state}</span>
            <Button onClick={() => forget(transfer.key)}>Close</Button>
          </>
        )}
      </div>
      {transfer.error !== undefined && <Failure what={`${transfer.title} failed`} error={transfer.error} />}
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
