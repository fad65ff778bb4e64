import net from "node:net";

/** The 4 or 16 bytes of an address; undefined when it is none. */
export function addressData(address: string): Buffer | undefined {
  if (net.isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  if (!net.isIPv6(address)) return undefined;
  const [head = "", tail = ""] = address.replace(/%.*$/, "").split("::");
  const groups = (part: string): number[] =>
    part.split(":").flatMap((group) => (group === "" ? [] : [Number.parseInt(group, 16)]));
  const front = groups(head);
  const back = groups(tail);
  const middle = Array<number>(Math.max(0, 8 - front.length - back.length)).fill(0);
  const out = Buffer.alloc(16);
  for (const [at, group] of [...front, ...middle, ...back].slice(0, 8).entries())
    out.writeUInt16BE(group, at * 2);
  return out;
}

/** One spelling per address, to look it up by. */
export function addressKey(address: string): string {
  return addressData(address)?.toString("hex") ?? "";
}
