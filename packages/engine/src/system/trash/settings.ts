import { LongshoreError, parseDuration } from "#kernel";
import type { TrashSettings } from "../contract.ts";

const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/** `500m`, `20g`, `10%` or `0`, and a Go duration. Throws `invalid` naming flag, value and what was wanted. */
export function trashSettings(quota: string, age: string): TrashSettings {
  const maxAgeMs = parseDuration(age);
  if (maxAgeMs === undefined || maxAgeMs <= 0)
    throw new LongshoreError("invalid", `--trash-age "${age}", want a duration as 168h`);
  return { quota: quotaOf(quota), maxAgeMs };
}

function quotaOf(text: string): TrashSettings["quota"] {
  const match = /^(\d+(?:\.\d+)?)(%|[kmgt]?)b?$/i.exec(text);
  const [, number = "", unit = ""] = match ?? [];
  if (unit === "%" && Number(number) <= 100) return { kind: "share", share: Number(number) / 100 };
  const factor = UNIT_BYTES[unit.toLowerCase()];
  if (match === null || factor === undefined)
    throw new LongshoreError(
      "invalid",
      `--trash-quota "${text}", want bytes as 20g or a share of the disk as 10%`,
    );
  return { kind: "bytes", bytes: Math.floor(Number(number) * factor) };
}

export function quotaBytes({ quota }: TrashSettings, totalBytes: number): number {
  return quota.kind === "bytes" ? quota.bytes : Math.floor(totalBytes * quota.share);
}

export function isOff({ quota }: TrashSettings): boolean {
  return quota.kind === "bytes" ? quota.bytes === 0 : quota.share === 0;
}
