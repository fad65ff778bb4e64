import type { LayerFile } from "@longshore/protocol";

export interface Folder {
  readonly entries: readonly LayerFile[];
  readonly isCut: boolean;
}

export interface TreeRow {
  readonly file: LayerFile;
  readonly depth: number;
  /** The last row of a listing that stopped early. */
  readonly isCut: boolean;
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The rows that are seen: directories first, then names, children under each open directory that has arrived. */
export function visibleRows(
  folders: ReadonlyMap<string, Folder>,
  open: ReadonlySet<string>,
): readonly TreeRow[] {
  const rows: TreeRow[] = [];
  const add = (path: string, depth: number): void => {
    const folder = folders.get(path);
    if (folder === undefined) return;
    const sorted = folder.entries.toSorted(compareFiles);
    for (const [at, file] of sorted.entries()) {
      rows.push({ file, depth, isCut: folder.isCut && at === sorted.length - 1 });
      if (file.type === "directory" && open.has(file.path)) add(file.path, depth + 1);
    }
  };
  add("/", 0);
  return rows;
}

function compareFiles(a: LayerFile, b: LayerFile): number {
  const rank = Number(a.type !== "directory") - Number(b.type !== "directory");
  return rank !== 0 ? rank : a.path < b.path ? -1 : 1;
}
