import { formatAge } from "@longshore/ui";
import { useSyncExternalStore } from "react";

const TICK_MS = 15_000;
const MINUTE_MS = 60_000;

/** "5 min ago", as of now; rows are painted again whenever the engine tells something. */
export function ago(sinceMs: number): string {
  return `${formatAge(sinceMs, Date.now())} ago`;
}

/** "< 1 min", "5 min", "3 h": calm enough to stand in a list. */
export function roughly(sinceMs: number, nowMs: number): string {
  return nowMs - sinceMs < MINUTE_MS ? "< 1 min" : formatAge(sinceMs, nowMs);
}

let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function tick(): void {
  now = Date.now();
  for (const listener of listeners) listener();
}

/** One timer for all ages on the page, and none while the page is hidden or shows no age. */
function follow(): void {
  const isWanted = listeners.size > 0 && !document.hidden;
  if (isWanted && timer === undefined) {
    tick();
    timer = setInterval(tick, TICK_MS);
  } else if (!isWanted) {
    clearInterval(timer);
    timer = undefined;
  }
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) document.addEventListener("visibilitychange", follow);
  listeners.add(listener);
  follow();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) document.removeEventListener("visibilitychange", follow);
    follow();
  };
}

/** The time, good to a quarter of a minute. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

/** How long it has been since, in words: painted again only when the words change. */
export function useRoughly(sinceMs: number): string {
  return useSyncExternalStore(subscribe, () => roughly(sinceMs, now));
}
