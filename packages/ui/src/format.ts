const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** Decimal units as the engine shows them: 1.24 MB, 12.4 MB, 124 MB. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

export function formatPercent(value: number): string {
  return `${value.toFixed(value >= 99.95 ? 0 : 1)} %`;
}

/** How long ago, in the largest whole unit: "12 s", "3 min", "5 h", "2 d", "4 months". */
export function formatAge(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - sinceMs) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  const days = Math.floor(seconds / 86_400);
  if (days < 60) return `${days} d`;
  return days < 730 ? `${Math.floor(days / 30.44)} months` : `${Math.floor(days / 365.25)} years`;
}

/** "sha256:abcdef…" and plain ids to twelve characters. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

/** rwxr-xr-x of permission bits. */
export function formatMode(mode: number): string {
  return [6, 3, 0]
    .map((shift) => {
      const bits = (mode >> shift) & 7;
      return `${(bits & 4) > 0 ? "r" : "-"}${(bits & 2) > 0 ? "w" : "-"}${(bits & 1) > 0 ? "x" : "-"}`;
    })
    .join("");
}
