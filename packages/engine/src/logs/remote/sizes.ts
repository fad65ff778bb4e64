import { LongshoreError } from "#kernel";

const UNITS = "kmgtp";

/** `64k`, `1.5MiB`, `100`: binary units, as Docker reads memory sizes. Throws `invalid`. */
export function memoryBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text.trim());
  if (match === null) throw new LongshoreError("invalid", `invalid size: '${text}'`);
  const power = match[2] === "" ? 0 : UNITS.indexOf((match[2] ?? "").toLowerCase()) + 1;
  return Math.floor(Number(match[1]) * 1024 ** power);
}
