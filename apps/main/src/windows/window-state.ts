import { readFileSync, renameSync, writeFileSync } from "node:fs";

export interface Bounds {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface WindowState {
  readonly bounds: Partial<Bounds> & Pick<Bounds, "width" | "height">;
  readonly isMaximized: boolean;
}

const DEFAULT: WindowState = { bounds: { width: 1180, height: 760 }, isMaximized: false };
const LEAST = { width: 640, height: 600 } as const;
/** So much of the title's side must be seen, or the window could not be taken hold of. */
const LEAST_SEEN_PX = 80;

export const leastSize: typeof LEAST = LEAST;

/** Where the window was, or its first place when nothing readable is there or no display shows it any more. */
export function readWindowState(path: string, displays: readonly Bounds[]): WindowState {
  try {
    return fitState(JSON.parse(readFileSync(path, "utf8")), displays);
  } catch {
    return DEFAULT;
  }
}

export function writeWindowState(path: string, state: WindowState): void {
  writeFileSync(`${path}.new`, JSON.stringify(state));
  renameSync(`${path}.new`, path);
}

export function fitState(value: unknown, displays: readonly Bounds[]): WindowState {
  const { bounds, isMaximized } = (value ?? {}) as { bounds?: Partial<Bounds>; isMaximized?: unknown };
  if (bounds === undefined || !isNumber(bounds.width) || !isNumber(bounds.height)) return DEFAULT;
  const size = {
    width: Math.max(LEAST.width, Math.round(bounds.width)),
    height: Math.max(LEAST.height, Math.round(bounds.height)),
  };
  const { x, y } = bounds;
  const isSeen =
    isNumber(x) &&
    isNumber(y) &&
    displays.some(
      (display) =>
        Math.min(x + size.width, display.x + display.width) - Math.max(x, display.x) >= LEAST_SEEN_PX &&
        y >= display.y &&
        y <= display.y + display.height - LEAST_SEEN_PX,
    );
  return {
    bounds: isSeen ? { x: Math.round(x), y: Math.round(y), ...size } : size,
    isMaximized: isMaximized === true,
  };
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
