import type { ProgressLine } from "@longshore/protocol";
import { create, type StoreApi, type UseBoundStore } from "zustand";
import { call, openStream, type OpenStream } from "../../bridge/bridge.ts";
import { go, parseRoute } from "../../shell/routes.ts";
import { toast, toastFailure } from "../../shell/toasts.tsx";
import { refresh } from "../../world/feed.ts";
import { addLine, emptyProgress, type TransferProgress } from "./progress.ts";

/** A pull or load that is under way; it goes on while the window shows other things. */
export interface Transfer {
  readonly key: string;
  readonly title: string;
  readonly startedAt: number;
  /** When the newest line came. */
  readonly updatedAt: number;
  readonly progress: TransferProgress;
  readonly state: "running" | "done" | "failed" | "cancelled";
  readonly error?: Error;
  /** What to do when it failed: the same again, or another file. */
  readonly again: { readonly label: string; readonly run: () => void };
}

export const useTransfers: UseBoundStore<StoreApi<{ readonly transfers: readonly Transfer[] }>> = create<{
  readonly transfers: readonly Transfer[];
}>(() => ({ transfers: [] }));

const streams = new Map<string, OpenStream>();
let nextKey = 1;

function change(key: string, part: (old: Transfer) => Partial<Transfer>): void {
  useTransfers.setState(({ transfers }) => ({
    transfers: transfers.map((one) => (one.key === key ? { ...one, ...part(one) } : one)),
  }));
}

export function pull(reference: string): Promise<boolean> {
  const again = { label: "Try again", run: () => void pull(reference) };
  return follow(`Pull ${reference}`, again, (handlers) => openStream("pull", { reference }, handlers));
}

function load(token: string, name: string): Promise<boolean> {
  const again = { label: "Choose another file…", run: () => void loadChosen() };
  return follow(`Load ${name}`, again, (handlers) => openStream("load", { token }, handlers));
}

/** Lets a person choose an archive and loads it. */
export async function loadChosen(): Promise<void> {
  try {
    const choice = await call("images.chooseArchive", {});
    if (choice === null) return;
    go({ page: "images" });
    await load(choice.token, choice.name);
  } catch (error) {
    toastFailure("Couldn’t load the archive", error);
  }
}

interface Handlers {
  onItem(line: ProgressLine): void;
  onEnd(): void;
  onError(error: Error): void;
}

function follow(
  title: string,
  again: Transfer["again"],
  open: (handlers: Handlers) => OpenStream,
): Promise<boolean> {
  const key = `transfer-${nextKey++}`;
  const now = Date.now();
  const started: Transfer = {
    key,
    title,
    startedAt: now,
    updatedAt: now,
    again,
    progress: emptyProgress,
    state: "running",
  };
  useTransfers.setState(({ transfers }) => ({
    transfers: [...transfers.filter((one) => one.state === "running"), started],
  }));
  const { promise, resolve } = Promise.withResolvers<boolean>();
  streams.set(
    key,
    open({
      onItem: (line) =>
        change(key, (old) => ({
          progress: addLine(old.progress, line),
          updatedAt: Date.now(),
        })),
      onEnd: () => {
        change(key, () => ({ state: "done" }));
        toast({ title: `${title}: done`, body: "", isBad: false });
        refresh(["images"]);
        resolve(true);
      },
      onError: (error) => {
        change(key, () => ({ state: "failed", error }));
        // The Images page shows it beside the progress already.
        if (parseRoute(window.location.hash).page !== "images") toastFailure(`${title} failed`, error);
        refresh(["images"]);
        resolve(false);
      },
    }),
  );
  return promise;
}

/** Stops it; the engine keeps the layers that are complete. */
export function cancel(key: string): void {
  streams.get(key)?.close();
  streams.delete(key);
  change(key, () => ({ state: "cancelled" }));
}

export function forget(key: string): void {
  useTransfers.setState(({ transfers }) => ({ transfers: transfers.filter((one) => one.key !== key) }));
}
