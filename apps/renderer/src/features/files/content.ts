const PROBED_BYTES = 8 * 1024;

/** Text: no zero byte in the beginning and valid UTF-8 (a character cut at the probe's end is fine). */
export function isText(bytes: Uint8Array): boolean {
  const probe = bytes.subarray(0, PROBED_BYTES);
  if (probe.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(probe, { stream: probe.length < bytes.length });
    return true;
  } catch {
    return false;
  }
}

/** "00000010  68 65 6c 6c 6f …  |hello|", sixteen bytes a line. */
export function hexLines(bytes: Uint8Array): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const line = bytes.subarray(at, at + 16);
    const hex = Array.from(line, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = Array.from(line, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
    ).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex.padEnd(47)}  |${text}|`);
  }
  return lines;
}
