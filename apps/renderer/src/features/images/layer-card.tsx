import type { LayerSummary } from "@longshore/protocol";
import { formatBytes, shortId } from "@longshore/ui";
import type { ReactElement } from "react";
import { instruction } from "./layer-words.ts";
import { ago } from "../../world/ago.ts";

/** What one layer is: its instruction in full, its size, what it changes, and who else stands on it. */
export function LayerCard({
  layer,
  hasFacts,
}: {
  readonly layer: LayerSummary;
  readonly hasFacts: boolean;
}): ReactElement {
  const createdAt = Date.parse(layer.createdAt);
  return (
    <section className="card layer-card" aria-label="This layer">
      <pre className="layer-instruction">{instruction(layer.createdBy)}</pre>
      <dl className="facts">
        <dt>Size</dt>
        <dd>{layer.isEmpty ? "no files" : formatBytes(layer.sizeBytes)}</dd>
        {hasFacts && !layer.isEmpty && (
          <>
            <dt>Changes</dt>
            <dd>
              <span className="change-added">{layer.added} added</span>,{" "}
              <span className="change-modified">{layer.modified} modified</span>,{" "}
              <span className="change-deleted">{layer.deleted} deleted</span>
            </dd>
            <dt>Shared with</dt>
            <dd>
              {layer.sharedWithImages.length === 0 ? "no other image" : layer.sharedWithImages.join(", ")}
            </dd>
            <dt>Used by</dt>
            <dd>
              {layer.usedByContainers.length === 0 ? "no container" : layer.usedByContainers.join(", ")}
            </dd>
            <dt>Diff id</dt>
            <dd className="mono">{shortId(layer.diffId)}</dd>
          </>
        )}
        {createdAt > 0 && (
          <>
            <dt>Created</dt>
            <dd>{ago(createdAt)}</dd>
          </>
        )}
        {layer.comment !== "" && (
          <>
            <dt>Comment</dt>
            <dd>{layer.comment}</dd>
          </>
        )}
      </dl>
    </section>
  );
}
