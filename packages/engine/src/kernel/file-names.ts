import { isUtf8 } from "node:buffer";

/** Half of a surrogate pair, alone: stands for one byte that is no UTF-8. */
const ESCAPED = /[\udc80-\udcff]/u;
const ESCAPE = 0xdc00;

/**
 * A file's name as text. Linux' names are bytes: those that are no UTF-8 become lone surrogates, so that pathOf() finds the file again.
 * Source: PEP 383.
 */
export function nameOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const character = bytes.subarray(at, at + length);
    const isWhole = character.length === length && isUtf8(character);
    text += isWhole ? character.toString("utf8") : String.fromCharCode(ESCAPE + first);
    at += isWhole ? length : 1;
  }
  return text;
}

/** The bytes of a name or path that nameOf() made. */
export function nameBytes(text: string): Buffer {
  if (!ESCAPED.test(text)) return Buffer.from(text);
  const pieces = Array.from(text, (character) =>
    ESCAPED.test(character) ? Buffer.of(character.charCodeAt(0) - ESCAPE) : Buffer.from(character),
  );
  return Buffer.concat(pieces);
}

/** A path for Node's file system calls, which would spoil such names in a text. */
export const pathOf = (text: string): string | Buffer => (ESCAPED.test(text) ? nameBytes(text) : text);
