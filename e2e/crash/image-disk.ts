import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

interface Layer {
  readonly chainId: string;
  readonly blob?: { readonly digest: string };
}

interface Image {
  readonly id: string;
  readonly manifest?: { readonly digest: string };
}

const hex = (digest: string): string => digest.replace("sha256:", "");

/**
 * Where the store and the disk disagree about images: a file without a record, a record without its file, a blob that isn't what its name
 * says, anything in tmp/; one line each. The engine must have nothing to do.
 */
export function imageDiskFaults(dataRoot: string): readonly string[] {
  const records = rowsOf(dataRoot);
  const layers = records("layers") as readonly Layer[];
  const images = records("images") as readonly Image[];
  const blobs = new Set([
    ...images.flatMap(({ id, manifest }) => [id, ...(manifest === undefined ? [] : [manifest.digest])]),
    ...layers.flatMap(({ blob }) => (blob === undefined ? [] : [blob.digest])),
  ]);
  return [
    ...disagreement(
      "layers",
      layers.map(({ chainId }) => hex(chainId)),
      namesIn(dataRoot, "layers"),
    ),
    ...disagreement("blobs", [...blobs].map(hex), namesIn(dataRoot, "blobs/sha256")),
    ...disagreement("snapshots", records.keys("snapshots"), namesIn(dataRoot, "snapshots")),
    ...disagreement("containers", records.keys("containers"), namesIn(dataRoot, "containers")),
    ...layers.flatMap(({ chainId }) =>
      ["fs", "index.json.gz"]
        .filter((part) => !existsSync(join(dataRoot, "layers", hex(chainId), part)))
        .map((part) => `layers/${hex(chainId)} has no ${part}`),
    ),
    ...namesIn(dataRoot, "blobs/sha256")
      .filter((name) => sha256(readFileSync(join(dataRoot, "blobs/sha256", name))) !== name)
      .map((name) => `blobs/sha256/${name} has other bytes than its name says`),
    ...namesIn(dataRoot, "tmp").map((name) => `tmp/${name} is left`),
  ];
}

/** Blobs of which a part is kept for the next pull. */
export const partialBlobs = (dataRoot: string): readonly string[] => namesIn(dataRoot, "partial");

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function namesIn(root: string, folder: string): readonly string[] {
  const place = join(root, folder);
  return existsSync(place) ? readdirSync(place) : [];
}

function disagreement(
  folder: string,
  recorded: readonly string[],
  found: readonly string[],
): readonly string[] {
  const [records, files] = [new Set(recorded), new Set(found)];
  return [
    ...found.filter((name) => !records.has(name)).map((name) => `${folder}/${name} has no record`),
    ...recorded.filter((name) => !files.has(name)).map((name) => `${folder}/${name} is recorded, not there`),
  ];
}

interface Rows {
  (table: string): readonly unknown[];
  keys(table: string): readonly string[];
}

function rowsOf(dataRoot: string): Rows {
  using database = new DatabaseSync(join(dataRoot, "metadata.db"), { readOnly: true });
  const all = database.prepare("SELECT tab, key, value FROM rows").all();
  const of = (table: string): typeof all => all.filter(({ tab }) => tab === table);
  return Object.assign(
    (table: string) => of(table).map(({ value }) => JSON.parse(String(value)) as unknown),
    { keys: (table: string) => of(table).map(({ key }) => String(key)) },
  );
}
