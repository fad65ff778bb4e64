import { BrowserWindow, dialog } from "electron";
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { BadArgument } from "./schema.ts";

const MOST_CHOICES = 20;
const choices = new Map<string, string>();

/** Lets a person choose an archive; the window learns a token and the name, never a path it could aim elsewhere. */
export async function chooseArchive(): Promise<{ token: string; name: string; sizeBytes: number } | null> {
  const [window] = BrowserWindow.getAllWindows();
  const options = {
    properties: ["openFile" as const],
    filters: [{ name: "Image archives", extensions: ["tar", "gz", "tgz", "zst"] }],
  };
  const answer = await (window === undefined
    ? dialog.showOpenDialog(options)
    : dialog.showOpenDialog(window, options));
  const [path] = answer.filePaths;
  if (answer.canceled || path === undefined) return null;
  const { size } = await stat(path);
  const token = randomUUID();
  choices.set(token, path);
  for (const old of choices.keys()) if (choices.size > MOST_CHOICES) choices.delete(old);
  return { token, name: basename(path), sizeBytes: size };
}

/** The chosen path, once. */
export function takeArchive(token: string): string {
  const path = choices.get(token);
  if (path === undefined) throw new BadArgument("choose the archive again");
  choices.delete(token);
  return path;
}
