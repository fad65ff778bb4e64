import type { StatsSample } from "@longshore/protocol";
import { useEffect } from "react";
import { openStream, type OpenStream } from "../bridge/bridge.ts";
import { showSamples } from "./meter-history.ts";
import { useWorld } from "./store.ts";

const SETTLE_MS = 150;

/** What each place of the page looks at; nothing else is measured. */
const looked = new Map<symbol, readonly string[]>();
const histories = new Map<string, number[]>();
let stream: OpenStream | undefined;
let streamIds = "";
let settle: ReturnType<typeof setTimeout> | undefined;

/** Keeps the meters of these containers fresh while they are on the page and the window is seen. */
export function useMetersOf(ids: readonly string[]): void {
  const key = ids.join();
  useEffect(() => {
    const place = Symbol(key);
    looked.set(place, key === "" ? [] : key.split(","));
    followSoon();
    return () => {
      looked.delete(place);
      followSoon();
    };
  }, [key]);
}

/** Starts to watch what decides whether anything is measured: the window's visibility, the engine, and which containers run. */
export function startMeters(): void {
  document.addEventListener("visibilitychange", follow);
  useWorld.subscribe((now, before) => {
    if (now.engine?.phase !== before.engine?.phase) {
      // The streams of an engine end with it.
      closeStream();
      followSoon();
    } else if (now.containers !== before.containers) followSoon();
  });
}

/** Scrolling passes many rows; the meters follow where it stops. */
function followSoon(): void {
  settle ??= setTimeout(follow, SETTLE_MS);
}

function follow(): void {
  clearTimeout(settle);
  settle = undefined;
  const { containers, engine } = useWorld.getState();
  const running = new Set(containers.filter((row) => row.State === "running").map((row) => row.Id));
  forget(running);
  const isWanted = !document.hidden && engine?.phase === "ready";
  const wanted = isWanted ? [...new Set([...looked.values()].flat())].filter((id) => running.has(id)) : [];
  const ids = wanted.toSorted();
  const key = ids.join();
  if (key === streamIds) return;
  closeStream();
  streamIds = key;
  if (ids.length > 0) stream = openStream("stats", { ids }, { onItem: show });
}

function closeStream(): void {
  stream?.close();
  stream = undefined;
  streamIds = "";
}

function forget(running: ReadonlySet<string>): void {
  for (const id of histories.keys()) if (!running.has(id)) histories.delete(id);
  const { meters } = useWorld.getState();
  const kept = [...meters].filter(([id]) => running.has(id));
  if (kept.length < meters.size) useWorld.setState({ meters: new Map(kept) });
}

function show(samples: readonly StatsSample[]): void {
  const { meters } = useWorld.getState();
  const next = showSamples(meters, histories, samples);
  if (next !== meters) useWorld.setState({ meters: next });
}
