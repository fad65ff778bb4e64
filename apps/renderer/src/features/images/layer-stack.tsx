import type { LayerSummary } from "@longshore/protocol";
import { formatBytes } from "@longshore/ui";
import type { KeyboardEvent, ReactElement } from "react";
import { instruction, stratumHeight } from "./layer-words.ts";

/** The image as it is: strata, newest on top, as high as they are large. */
export function LayerStack({
  layers,
  chosen,
  hasFiles,
  onChoose,
}: {
  readonly layers: readonly LayerSummary[];
  readonly chosen: number | undefined;
  readonly hasFiles: boolean;
  readonly onChoose: (at: number | undefined) => void;
}): ReactElement {
  const order = layers.map((layer, at) => ({ layer, at })).toReversed();
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = event.key === "ArrowDown" ? -1 : event.key === "ArrowUp" ? 1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(layers.length - 1, (chosen ?? layers.length) + step));
    onChoose(next);
    event.currentTarget.querySelector<HTMLElement>(`[data-layer="${next}"]`)?.focus();
  };
  return (
    <div
      className="strata"
      role="listbox"
      aria-label="Layers, newest first"
      tabIndex={-1}
      onKeyDown={onKeyDown}
    >
      {hasFiles && (
        <button
          type="button"
          role="option"
          className="stratum whole"
          aria-selected={chosen === undefined}
          tabIndex={chosen === undefined ? 0 : -1}
          onClick={() => onChoose(undefined)}
        >
          <span className="strong">Whole image</span>
          <span>{formatBytes(layers.reduce((sum, layer) => sum + layer.sizeBytes, 0))}</span>
        </button>
      )}
      {order.map(({ layer, at }) => {
        const below = layers.slice(0, at).filter((other) => !other.isEmpty).length;
        const tint = layer.isEmpty ? 0 : 4 - (below % 4);
        return (
          <button
            key={at}
            type="button"
            role="option"
            data-layer={at}
            className={`stratum ${layer.isEmpty ? "empty-step" : ""}`}
            style={{
              minHeight: stratumHeight(layer.sizeBytes, layer.isEmpty),
              ...(tint > 0 ? { background: `var(--stratum-${tint})` } : {}),
            }}
            aria-selected={chosen === at}
            tabIndex={chosen === at ? 0 : -1}
            onClick={() => onChoose(at)}
          >
            <span className="mono cut">{instruction(layer.createdBy)}</span>
            <span className="stratum-facts">
              <span className="number">{layer.isEmpty ? "settings" : formatBytes(layer.sizeBytes)}</span>
              {layer.added + layer.modified + layer.deleted > 0 && (
                <span className="number">
                  +{layer.added} ~{layer.modified} −{layer.deleted}
                </span>
              )}
              {layer.sharedWithImages.length > 0 && <span>shared</span>}
            </span>
          </button>
        );
      })}
    </div>
  );
}
