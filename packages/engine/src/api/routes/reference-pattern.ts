import { LongshoreError } from "#kernel";

/**
 * Docker's patterns of references, tried with the tag and without: `*` and `?` stop at a slash, `[a-c]` and `[^a-c]` are classes, a backslash
 * takes a character as it is. Throws `invalid` for a broken one. Source: Go, path.Match.
 */
export function referencePattern(pattern: string): (name: string) => boolean {
  const whole = new RegExp(`^${sourceOf(pattern)}$`, "u");
  return (name) => whole.test(name) || whole.test(name.split("@", 1)[0]?.replace(/:[^:/]*$/, "") ?? "");
}

function sourceOf(pattern: string): string {
  let source = "";
  let rest = pattern;
  while (rest !== "") {
    const [piece] =
      /^(?:\\.|\[(?!\^\])\^?(?:\\.|[^\]\\-])(?:\\.|[^\]\\])*\]|[^\\[])/su.exec(rest) ?? refuse();
    rest = rest.slice(piece.length);
    if (piece === "*") source += "[^/]*";
    else if (piece === "?") source += "[^/]";
    else if (piece.startsWith("[")) source += classOf(piece.slice(1, -1));
    else source += literal(piece.replace(/^\\/, ""));
  }
  return source;
}

/** Single characters and ranges; a range that runs backwards fits nothing. */
function classOf(inside: string): string {
  const isNegated = inside.startsWith("^");
  const body = isNegated ? inside.slice(1) : inside;
  const parts = [...body.matchAll(/(\\.|[^\\-])(?:-(\\.|[^\\-]))?/gsu)];
  if (parts.map(([whole]) => whole).join("") !== body) refuse();
  const plain = (character: string): string => character.replace(/^\\/, "");
  const ranges = parts
    .map(([, low = "", high = low]) => [plain(low), plain(high)] as const)
    .filter(([low, high]) => low <= high)
    .map(([low, high]) => `${literal(low)}-${literal(high)}`);
  if (ranges.length === 0) return isNegated ? "." : "(?!)";
  return `[${isNegated ? "^" : ""}${ranges.join("")}]`;
}

const literal = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

function refuse(): never {
  throw new LongshoreError("invalid", "syntax error in pattern");
}
