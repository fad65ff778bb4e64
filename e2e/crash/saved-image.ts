import { gunzipSync } from "node:zlib";
import { sha256 } from "./image-disk.ts";

/** What is wrong with the images in an archive of `docker save`: bytes that are not those that an id or a digest promises; one line each. */
export function savedImageFaults(archive: Buffer, ids: readonly string[]): readonly string[] {
  const files = filesOf(archive);
  const manifest = JSON.parse(String(files.get("manifest.json") ?? "[]")) as readonly {
    Config: string;
    Layers: readonly string[];
  }[];
  const found = new Set<string>();
  const faults = manifest.flatMap(({ Config, Layers }) => {
    const bytes = files.get(Config) ?? Buffer.alloc(0);
    const id = `sha256:${sha256(bytes)}`;
    found.add(id);
    if (!ids.includes(id)) return [`config ${Config} is of another image: ${id}`];
    const { rootfs } = JSON.parse(String(bytes)) as { rootfs: { diff_ids: readonly string[] } };
    const layers = Layers.map((name) => `sha256:${sha256(plain(files.get(name)))}`);
    return layers.join() === rootfs.diff_ids.join()
      ? []
      : [`the layers of ${id} have other bytes: ${layers.join(" ")}`];
  });
  return [...faults, ...ids.filter((id) => !found.has(id)).map((id) => `${id} is not in the archive`)];
}

/** A pulled layer is saved as it came, compressed. */
function plain(bytes: Buffer = Buffer.alloc(0)): Buffer {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
}

/** The members of a tar whose names are short. */
function filesOf(archive: Buffer): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  const text = (at: number, length: number): string =>
    archive.toString("latin1", at, at + length).replace(/[\0 ].*$/s, "");
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0;) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    files.set(text(at, 100), archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
