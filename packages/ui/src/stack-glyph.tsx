import type { ReactElement } from "react";

const WIDTH = 72;
const HEIGHT = 16;
const MOST_STRATA = 8;
const SHADES = [0, 1, 2, 3] as const;

/** Height of the written part in pixels: the logarithm of its bytes, so that a kilobyte is seen and a gigabyte fits. */
export function wetHeight(bytes: number): number {
  if (bytes <= 0) return 0;
  return Math.min(9, Math.max(2, Math.round(Math.log2(bytes / 256 + 1) * 0.45)));
}

/** The waterline: sealed strata below, the written part hatched above. Both counts are in its name; without one it is decoration. */
export function StackGlyph({
  strata,
  wetBytes,
  label,
}: {
  readonly strata: number;
  readonly wetBytes: number;
  readonly label: string;
}): ReactElement {
  const wet = wetHeight(wetBytes);
  const shown = Math.max(1, Math.min(strata, MOST_STRATA));
  const room = HEIGHT - wet - (wet > 0 ? 1 : 0);
  const step = room / shown;
  return (
    <svg
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      {...(label === "" ? { "aria-hidden": true } : { role: "img", "aria-label": label })}
    >
      {label !== "" && <title>{label}</title>}
      {SHADES.map((shade) => (
        <path key={shade} d={strataOf(shade, shown, step)} fill={`var(--stratum-${4 - shade})`} />
      ))}
      {wet > 0 && (
        <g className="glyph-wet">
          <rect x="0" y="0" width={WIDTH} height={wet} fill="currentColor" opacity="0.28" />
          <path d={hatching(wet)} stroke="currentColor" strokeWidth="1.2" />
          <path d={`M0 ${wet + 0.5}H${WIDTH}`} stroke="currentColor" strokeWidth="1" />
        </g>
      )}
    </svg>
  );
}

/** One path for all strata of a shade: a list has many glyphs, and each shape of each costs. */
function strataOf(shade: number, count: number, step: number): string {
  const height = Math.max(1, step - (step > 2 ? 0.75 : 0));
  let path = "";
  for (let at = shade; at < count; at += SHADES.length)
    path += `M0 ${HEIGHT - (at + 1) * step}h${WIDTH}v${height}h${-WIDTH}z`;
  return path;
}

function hatching(wet: number): string {
  return Array.from({ length: WIDTH / 4 }, (_, at) => `M${at * 4 - 2} ${wet}l4 ${-wet}`).join("");
}
