import type { ContainerSummary, ImageSummary, Removed, Restored, TrashEntry } from "@longshore/protocol";
import { call, CallError } from "../../bridge/bridge.ts";
import { openDialog } from "../../shell/dialogs.ts";
import { focusList } from "../../shell/keys.ts";
import { go, parseRoute, type Page } from "../../shell/routes.ts";
import { toast, toastFailure } from "../../shell/toasts.tsx";
import { imageName, imageTags, nameOf } from "../../world/derive.ts";
import { refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";

const UNDO_MS = 10_000;
const LIVE = ["running", "paused", "restarting"];

type EntryName = Pick<TrashEntry, "id" | "kind" | "name">;

const hasTrash = (): boolean => (useWorld.getState().engine?.trash ?? null) !== null;

export const isLive = ({ State }: Pick<ContainerSummary, "State">): boolean => LIVE.includes(State);

/** A container that does not run goes into the trash without a question; everything else is asked. */
export function asksFirst(container: Pick<ContainerSummary, "State">): boolean {
  return !hasTrash() || isLive(container);
}

export function imageAsksFirst({ Id }: Pick<ImageSummary, "Id">): boolean {
  return !hasTrash() || useWorld.getState().containers.some((row) => row.ImageID === Id);
}

export function volumeAsksFirst(name: string): boolean {
  return !hasTrash() || usersOfVolume(name).length > 0;
}

export function usersOfVolume(name: string): readonly ContainerSummary[] {
  return useWorld
    .getState()
    .containers.filter((row) => row.Mounts?.some((mount) => mount.Name === name) === true);
}

/** From a key, a button or the palette: at once with an Undo, or by the dialog. */
export function removeContainer(container: ContainerSummary): void {
  if (asksFirst(container)) openDialog({ kind: "remove-container", container });
  else void atOnce(nameOf(container), () => takeContainer(container, { force: false, volumes: false }));
}

export function removeImage(image: ImageSummary): void {
  if (imageAsksFirst(image)) openDialog({ kind: "remove-image", image });
  else void atOnce(imageName(image), () => takeImage(image, false));
}

export function removeVolume(name: string): void {
  if (volumeAsksFirst(name)) openDialog({ kind: "remove-volume", name });
  else void atOnce(name, () => takeVolume(name));
}

async function atOnce(name: string, take: () => Promise<void>): Promise<void> {
  try {
    await take();
  } catch (error) {
    toastFailure(`Couldn’t remove ${name}`, error);
  }
}

/** Removes into the trash, for good where there is none. Throws a CallError. */
export async function takeContainer(
  container: ContainerSummary,
  how: { readonly force: boolean; readonly volumes: boolean },
): Promise<void> {
  const { Id } = container;
  const removed = await call("containers.remove", { id: Id, ...how, forGood: !hasTrash() });
  leave("containers", Id);
  tellRemoved("container", nameOf(container), removed);
}

/** By its name: another name keeps the image. By force: whatever it is called. */
export async function takeImage(image: ImageSummary, force: boolean): Promise<void> {
  const [name, other] = imageTags(image);
  const removed = await call("images.remove", {
    id: force || name === undefined ? image.Id : name,
    force,
    forGood: !hasTrash(),
  });
  const isNameOnly = other !== undefined && !force;
  if (!isNameOnly) leave("images", image.Id);
  tellRemoved(
    "image",
    imageName(image),
    removed,
    isNameOnly ? `Only the name: the image stays as ${other}.` : "",
  );
}

export async function takeVolume(name: string): Promise<void> {
  const removed = await call("volumes.remove", { name, force: false, forGood: !hasTrash() });
  leave("volumes", name);
  tellRemoved("volume", name, removed);
}

/** The detail of what is gone closes. */
function leave(page: Page, id: string): void {
  const route = parseRoute(window.location.hash);
  if (route.page === page && route.id === id) go({ page });
  focusList();
}

function tellRemoved(kind: TrashEntry["kind"], name: string, { entry }: Removed, body = ""): void {
  refresh(["containers", "images", "volumes"]);
  toast({
    title: `Removed ${name}`,
    body,
    isBad: false,
    ...(entry === null
      ? {}
      : {
          lastsMs: UNDO_MS,
          action: { label: "Undo", keyName: "Ctrl+Z", run: () => void restore({ id: entry, kind, name }) },
        }),
  });
}

/** Brings an entry of the trash back; when its name is taken meanwhile a dialog asks for another. */
export async function restore(entry: EntryName): Promise<void> {
  try {
    tellRestored(entry, await call("trash.restore", { id: entry.id, name: "", volumes: {} }));
  } catch (error) {
    if (error instanceof CallError && error.status === 409)
      openDialog({ kind: "restore", entry, refusal: error });
    else toastFailure(`Couldn’t restore ${entry.name}`, error);
    refresh(["trash"]);
  }
}

/** What is not as it was stays to be read. */
export function tellRestored({ id, kind }: EntryName, { name, warnings }: Restored): void {
  refresh(["containers", "images", "volumes", "networks", "trash"]);
  toast({
    title: `Restored ${name}`,
    body: warnings.map(sentence).join(" "),
    isBad: false,
    ...(warnings.length > 0 ? { lastsMs: Infinity } : {}),
    action: { label: "Show", run: () => show(kind, id, name) },
  });
}

function show(kind: TrashEntry["kind"], id: string, name: string): void {
  if (kind === "container") go({ page: "containers", id });
  else if (kind === "volume") go({ page: "volumes", id: name });
  else {
    const image = useWorld.getState().images.find((one) => imageTags(one).includes(name));
    go({ page: "images", ...(image === undefined ? {} : { id: image.Id }) });
  }
}

const sentence = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
