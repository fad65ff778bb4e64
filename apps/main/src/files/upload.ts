import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { BrowserWindow, dialog } from "electron";
import { type Docker, tarFile } from "@longshore/client";
import type { UploadedFiles } from "@longshore/protocol";

/** Lets a person choose files and puts them into a folder of the container, owned by root. Nothing when they change their mind. */
export async function uploadFiles(
  docker: Docker,
  id: string,
  folder: string,
  signal: AbortSignal,
): Promise<UploadedFiles | null> {
  const [window] = BrowserWindow.getAllWindows();
  const options = {
    title: `Put files into ${folder}`,
    properties: ["openFile" as const, "multiSelections" as const],
  };
  const answer = await (window === undefined
    ? dialog.showOpenDialog(options)
    : dialog.showOpenDialog(window, options));
  if (answer.canceled || answer.filePaths.length === 0) return null;
  await docker
    .getContainer(id)
    .putArchive(Readable.from(tarOfFiles(answer.filePaths)), { path: folder, abortSignal: signal });
  return { names: answer.filePaths.map((path) => basename(path)) };
}

/** A tar of these files under their last names. A file that grows while it is read is cut at the size it began with. */
async function* tarOfFiles(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    const { size, mode, mtimeMs } = await stat(path);
    yield* tarFile(path, { name: basename(path), sizeBytes: size, mode: mode & 0o777, modifiedMs: mtimeMs });
  }
  yield new Uint8Array(1024);
}
