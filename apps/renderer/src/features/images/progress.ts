import type { ProgressLine } from "@longshore/protocol";

export interface LayerProgress {
  readonly id: string;
  readonly status: string;
  readonly current: number;
  readonly total: number;
}

export interface TransferProgress {
  readonly layers: readonly LayerProgress[];
  /** The newest line that belongs to no layer. */
  readonly message: string;
}

export const emptyProgress: TransferProgress = { layers: [], message: "" };
const ENDED = /^(pull complete|already exists|download complete|loaded|layer already exists)/i;

/** The state after one more line: layers in the order in which they were named. */
export function addLine(progress: TransferProgress, line: ProgressLine): TransferProgress {
  const status = (line.status ?? line.stream ?? "").trim();
  // "Pulling from x" carries the tag as its id and is no layer.
  if (line.id === undefined || /^pulling from/i.test(status))
    return status === "" ? progress : { ...progress, message: status };
  const old = progress.layers.find((layer) => layer.id === line.id);
  const next: LayerProgress = {
    id: line.id,
    status,
    current: line.progressDetail?.current ?? old?.current ?? 0,
    total: line.progressDetail?.total ?? old?.total ?? 0,
  };
  return {
    ...progress,
    layers:
      old === undefined
        ? [...progress.layers, next]
        : progress.layers.map((layer) => (layer === old ? next : layer)),
  };
}

/** 0 to 1, or undefined while nobody has said how large it is. */
export function shareOf(layer: LayerProgress): number | undefined {
  if (ENDED.test(layer.status)) return 1;
  return layer.total > 0 ? Math.min(1, layer.current / layer.total) : undefined;
}
