import { treeBytes } from "#host";
import { errno } from "#kernel";
import { type Context, directoryOf } from "./context.ts";
import type { Containers } from "./contract.ts";

/** Blocks of its snapshot, log and files. */
export async function diskBytesOf(
  { layers, dataRoot }: Pick<Context, "layers" | "dataRoot">,
  id: string,
  signal: AbortSignal,
): Promise<number> {
  const [snapshotBytes, fileBytes] = await Promise.all([
    layers.snapshotDiskBytes(id, signal),
    bytesOf(directoryOf({ dataRoot }, id), signal),
  ]);
  return snapshotBytes + fileBytes;
}

/** What container `id` takes on the disk beside the layers below it. */
export async function diskOf(
  context: Pick<Context, "layers" | "dataRoot">,
  id: string,
  signal: AbortSignal,
): ReturnType<Containers["disk"]> {
  const { layers } = context;
  const top = layers.snapshotParent(id);
  const [diskBytes, writableBytes] = await Promise.all([
    diskBytesOf(context, id, signal),
    layers.usageBytes(id, signal),
  ]);
  return { diskBytes, writableBytes, ...(top !== undefined && { top }) };
}

async function bytesOf(folder: string, signal: AbortSignal): Promise<number> {
  try {
    return (await treeBytes(folder, signal)).diskBytes;
  } catch (error) {
    if (errno(error) === "ENOENT") return 0;
    throw error;
  }
}
