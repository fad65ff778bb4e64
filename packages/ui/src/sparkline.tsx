import type { ReactElement } from "react";

/** A small line of the newest values, newest right; scaled to `top` or to the highest. Decoration beside a number. */
export function Sparkline({
  values,
  width = 56,
  height = 16,
  top = 0,
}: {
  readonly values: readonly number[];
  readonly width?: number;
  readonly height?: number;
  readonly top?: number;
}): ReactElement {
  const highest = Math.max(top, ...values, 0.0001);
  const step = width / Math.max(1, values.length - 1);
  const points = values.map(
    (value, at) => `${(at * step).toFixed(1)},${(height - 1 - (value / highest) * (height - 2)).toFixed(1)}`,
  );
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <polyline points={points.join(" ")} fill="none" stroke="var(--accent)" strokeWidth="1.25" />
    </svg>
  );
}
