/** An instruction as a person wrote it: the classic builder's shell wrapping and BuildKit's remarks taken off. */
export function instruction(createdBy: string): string {
  const text = createdBy
    .replace(/^\/bin\/sh -c #\(nop\)\s+/, "")
    .replace(/^(?:RUN )?\/bin\/sh -c /, "RUN ")
    .replace(/\s+# buildkit$/, "")
    .trim();
  return text === "" ? "(no instruction recorded)" : text;
}

const LEAST_PX = 30;
const MOST_PX = 96;

/** Height of a stratum: the logarithm of its bytes, so that a small layer is seen and a huge one fits. */
export function stratumHeight(sizeBytes: number, isEmpty: boolean): number {
  if (isEmpty) return 24;
  return Math.round(Math.min(MOST_PX, LEAST_PX + Math.max(0, Math.log10(sizeBytes + 1) - 3) * 12));
}
