/** A run of text in one colour. `color` is a number 0-15 of the terminal's palette, -1 for the default. */
export interface Span {
  readonly text: string;
  readonly color: number;
  readonly isBold: boolean;
}

/* oxlint-disable no-control-regex -- escape sequences are what is parsed */
const PIECES =
  /\u001B\[([\d;]*)m|\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\-_])|[^\u001B]+|\u001B/g;

/** Colours and bold of a line; every other sequence (titles, links, clipboard, cursor) is dropped. */
export function ansiSpans(raw: string): readonly Span[] {
  const spans: Span[] = [];
  let color = -1;
  let isBold = false;
  for (const piece of raw.matchAll(PIECES)) {
    const [whole, codes] = piece;
    if (codes !== undefined) {
      const list = codes === "" ? [0] : codes.split(";").map(Number);
      for (let at = 0; at < list.length; at++) {
        const code = list[at] ?? 0;
        if (code === 0) [color, isBold] = [-1, false];
        else if (code === 1) isBold = true;
        else if (code === 22) isBold = false;
        else if (code >= 30 && code <= 37) color = code - 30;
        else if (code >= 90 && code <= 97) color = code - 82;
        else if (code === 39) color = -1;
        else if (code === 38 || code === 48) at += list[at + 1] === 2 ? 4 : 2;
      }
    } else if (!whole.startsWith("\u001B")) spans.push({ text: whole, color, isBold });
  }
  return spans;
}
