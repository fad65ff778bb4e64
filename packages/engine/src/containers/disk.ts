import { treeBytes } from "#host";
import { errno } from "#kernel";
import { type Context, directoryOf } from "./context.ts";
import type { Containers } from "./contract.ts";

/** What container `id` takes on the disk beside the layers below it. */
export async function diskOf(
  context: Pick<Context, "layers" | "dataRoot">,
  id: string,
  signal: AbortSignal,
): ReturnType<Containers["disk"]> {
  const { layers } = context;
  const top = layers.snapshotParent(id);
  const [snapshotBytes, writableBytes, fileBytes] = await Promise.all([
    layers.snapshotDiskBytes(id, signal),
    layers.usageBytes(id, signal),
    bytesOf(directoryOf(context, id), signal),
  ]);
  return { diskBytes: snapshotBytes + fileBytes, writableBytes, ...(top !== undefined && { top }) };
}

async function bytesOf(folder: string, signal: AbortSignal): Promise<number> {
  try {
    return (await treeBytes(folder, signal)).diskBytes;
  } catch (error) {
    if (errno(error) === "ENOENT") return 0;
    throw error;
  }
}
