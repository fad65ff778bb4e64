import type { ProgressLine } from "@longshore/protocol";

export interface LayerProgress {
  readonly id: string;
  readonly status: string;
  /** Of the step that is under way: download or unpacking. */
  readonly current: number;
  readonly total: number;
  /** Bytes that came over the network so far, of `sizeBytes`; 0 while nobody has said how large it is. */
  readonly fetchedBytes: number;
  readonly sizeBytes: number;
}

export interface TransferProgress {
  readonly layers: readonly LayerProgress[];
  /** The newest line that belongs to no layer. */
  readonly message: string;
}

export const emptyProgress: TransferProgress = { layers: [], message: "" };
const ENDED = /^(pull complete|already exists|loaded|layer already exists)/i;
const FETCHED = /^(verifying|download complete|extracting|pull complete)/i;

/** The state after one more line: layers in the order in which they were named. */
export function addLine(progress: TransferProgress, line: ProgressLine): TransferProgress {
  const status = (line.status ?? line.stream ?? "").trim();
  // "Pulling from x" carries the tag as its id and is no layer.
  if (line.id === undefined || /^pulling from/i.test(status))
    return status === "" ? progress : { ...progress, message: status };
  const old = progress.layers.find((layer) => layer.id === line.id);
  const { current = old?.current ?? 0, total = old?.total ?? 0 } = line.progressDetail ?? {};
  const sizeBytes = /^downloading/i.test(status) ? total : (old?.sizeBytes ?? 0);
  const fetchedBytes = FETCHED.test(status)
    ? sizeBytes
    : /^downloading/i.test(status)
      ? current
      : (old?.fetchedBytes ?? 0);
  const next: LayerProgress = { id: line.id, status, current, total, fetchedBytes, sizeBytes };
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

/** What came so far, how fast, and how long the rest takes at that rate; no guess before a second has passed. */
export function paceOf(
  { layers }: TransferProgress,
  tookMs: number,
): {
  readonly fetchedBytes: number;
  readonly sizeBytes: number;
  readonly perSecond: number | undefined;
  readonly leftSeconds: number | undefined;
} {
  const fetchedBytes = layers.reduce((sum, layer) => sum + layer.fetchedBytes, 0);
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  const perSecond = tookMs >= 1000 && fetchedBytes > 0 ? (fetchedBytes / tookMs) * 1000 : undefined;
  const isKnown = layers.every((layer) => layer.sizeBytes > 0 || ENDED.test(layer.status));
  const left = sizeBytes - fetchedBytes;
  return {
    fetchedBytes,
    sizeBytes,
    perSecond: left > 0 ? perSecond : undefined,
    leftSeconds: isKnown && left > 0 && perSecond !== undefined ? Math.ceil(left / perSecond) : undefined,
  };
}
