import { TAR_END, tarMember, type TarEntry } from "#spec";

/** A file's header for tests that care for one field of it. */
export const plain: TarEntry = {
  name: "",
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  modifiedNano: 1_700_000_000_123_456_789n,
  linkName: "",
  major: 0,
  minor: 0,
  xattrs: new Map(),
};
export const file = (name: string, text = "x"): Buffer =>
  tarMember({ ...plain, name, sizeBytes: Buffer.byteLength(text) }, Buffer.from(text));
export const folder = (name: string): Buffer => tarMember({ ...plain, name, type: "directory", mode: 0o755 });
export const link = (name: string, linkName: string, type: "symlink" | "hardlink" = "symlink"): Buffer =>
  tarMember({ ...plain, name, type, linkName });
export const archive = (...members: readonly Buffer[]): Buffer => Buffer.concat([...members, TAR_END]);
export async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
