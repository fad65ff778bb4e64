import type { ImageHistoryItem, LayerSummary } from "@longshore/protocol";
import { useEffect, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { Failure } from "../../shell/failure.tsx";
import { useWorld } from "../../world/store.ts";
import { FileBrowser } from "../files/file-browser.tsx";
import { LayerCard } from "./layer-card.tsx";
import { LayerStack } from "./layer-stack.tsx";

/** The stack of layers, and the files of the chosen one (or of all together). */
export function LayersTab({ id }: { readonly id: string }): ReactElement {
  const isLongshore = useWorld((world) => world.engine?.isLongshore ?? false);
  const [layers, setLayers] = useState<readonly LayerSummary[]>();
  const [failure, setFailure] = useState<unknown>();
  const [chosen, setChosen] = useState<number>();
  useEffect(() => {
    let isCurrent = true;
    const wanted = isLongshore
      ? call("images.layers", { id }).then((answer) => answer.layers)
      : call("images.history", { id }).then((items) => items.map(layerOfHistory).toReversed());
    wanted.then(
      (value) => {
        if (!isCurrent) return;
        setLayers(value);
        const top = value.findLastIndex((layer) => !layer.isEmpty);
        setChosen(top >= 0 ? top : undefined);
      },
      (error: unknown) => isCurrent && setFailure(error),
    );
    return () => {
      isCurrent = false;
    };
  }, [id, isLongshore]);
  if (failure !== undefined) return <Failure what="Couldn’t read the layers" error={failure} />;
  if (layers === undefined) return <p className="pad dim">Reading the layers…</p>;
  const layer = chosen === undefined ? undefined : layers[chosen];
  return (
    <div className="layers">
      <LayerStack layers={layers} chosen={chosen} hasFiles={isLongshore} onChoose={setChosen} />
      <div className="layer-side">
        {layer !== undefined && <LayerCard layer={layer} hasFacts={isLongshore} />}
        {!isLongshore ? (
          <div className="notice" data-tone="info">
            <strong>Files of layers need Longshore’s own engine</strong>
            <span>
              This window joined another engine, which keeps its layers to itself. Sizes and instructions come
              from the image’s history.
            </span>
          </div>
        ) : layer === undefined ? (
          <FileBrowser
            key="whole"
            label="Files of the whole image"
            list={(path) => call("images.files", { id, path })}
            read={(path, file) => call("layers.file", { chainId: file.chainId ?? "", path })}
            save={(path, file) => call("layers.saveFile", { chainId: file.chainId ?? "", path })}
          />
        ) : layer.isEmpty ? (
          <p className="pad dim">This step changed only the image’s settings; it brought no files.</p>
        ) : (
          <FileBrowser
            key={layer.chainId}
            label="Files of this layer"
            list={(path) => call("layers.files", { chainId: layer.chainId, path })}
            read={(path) => call("layers.file", { chainId: layer.chainId, path })}
            save={(path) => call("layers.saveFile", { chainId: layer.chainId, path })}
          />
        )}
      </div>
    </div>
  );
}

/** What a foreign engine tells of a layer: size and instruction. */
function layerOfHistory(item: ImageHistoryItem, at: number): LayerSummary {
  return {
    chainId: `history-${at}`,
    diffId: "",
    sizeBytes: item.Size,
    createdBy: item.CreatedBy,
    createdAt: new Date(item.Created * 1000).toISOString(),
    comment: item.Comment,
    isEmpty: item.Size === 0,
    added: 0,
    modified: 0,
    deleted: 0,
    sharedWithImages: [],
    usedByContainers: [],
  };
}
