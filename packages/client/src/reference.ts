/** "host:5000/a/b:1" -> name and tag; a digest stays with the name's query word `tag`, as Docker wants it. */
export function splitReference(reference: string): { readonly fromImage: string; readonly tag: string } {
  const at = reference.indexOf("@");
  if (at > 0) return { fromImage: reference.slice(0, at), tag: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(":");
  if (colon > reference.lastIndexOf("/"))
    return { fromImage: reference.slice(0, colon), tag: reference.slice(colon + 1) };
  return { fromImage: reference, tag: "latest" };
}
