import { BrowserWindow, dialog } from "electron";
import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { SavedFile } from "@longshore/protocol";

/** Asks where, writes beside and renames: a broken download never replaces a file. Nothing when the person changes their mind. */
export async function saveStream(
  suggestedName: string,
  open: () => Promise<AsyncIterable<Uint8Array>>,
  signal: AbortSignal,
): Promise<SavedFile | null> {
  const [window] = BrowserWindow.getAllWindows();
  const options = { defaultPath: safeName(suggestedName) };
  const answer = await (window === undefined
    ? dialog.showSaveDialog(options)
    : dialog.showSaveDialog(window, options));
  if (answer.canceled || answer.filePath === "") return null;
  const part = `${answer.filePath}.part`;
  try {
    await pipeline(Readable.from(await open()), createWriteStream(part), { signal });
    await rename(part, answer.filePath);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  return { name: basename(answer.filePath), sizeBytes: (await stat(answer.filePath)).size };
}

/** The last part of a hostile path, without what a file name may not hold. */
export function safeName(path: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  const name = (path.split(/[/\\]/).at(-1) ?? "").replaceAll(/[\u0000-\u001F:*?"<>|]/g, "_");
  return name === "" || name === "." || name === ".." ? "file" : name.slice(0, 200);
}
