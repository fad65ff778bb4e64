import { LongshoreError } from "#kernel";

/** A pattern's part between stars, and whether a star stands before it. */
interface Chunk {
  readonly hasStar: boolean;
  readonly tests: readonly ((character: string) => boolean)[];
}

/**
 * A shell pattern as Go's path.Match has it: `*` and `?` stop at a slash, `[a-z]`, `[^a]` and `\\` as there. The test takes a time that grows
 * with the product of both lengths at most. Throws `invalid` for a broken pattern. Source: Go, path.Match.
 */
export function pathMatch(pattern: string): (name: string) => boolean {
  const chunks = chunksOf(pattern);
  return (name) => {
    const characters = Array.from(name);
    let at = 0;
    for (const [index, { hasStar, tests }] of chunks.entries()) {
      const isLast = index === chunks.length - 1;
      const fits = (from: number): boolean =>
        from + tests.length <= characters.length &&
        (!isLast || from + tests.length === characters.length) &&
        tests.every((test, offset) => test(characters[from + offset] ?? ""));
      while (!fits(at)) {
        // A star takes one more, but never a slash.
        if (!hasStar || at >= characters.length || characters[at] === "/") return false;
        at++;
      }
      at += tests.length;
    }
    return at === characters.length;
  };
}

function chunksOf(pattern: string): readonly Chunk[] {
  const broken = (): LongshoreError => new LongshoreError("invalid", "syntax error in pattern");
  const characters = Array.from(pattern);
  let at = 0;
  const literal = (): string => {
    if (characters[at] === "\\") at++;
    const character = characters[at++];
    if (character === undefined) throw broken();
    return character;
  };
  const classTest = (): ((character: string) => boolean) => {
    const isNegated = characters[at] === "^";
    if (isNegated) at++;
    const ranges: [string, string][] = [];
    while (characters[at] !== "]" || ranges.length === 0) {
      if (characters[at] === "-" || characters[at] === "]") throw broken();
      const low = literal();
      if (characters[at] === "-") at++;
      else {
        ranges.push([low, low]);
        continue;
      }
      if (characters[at] === "-" || characters[at] === "]") throw broken();
      ranges.push([low, literal()]);
    }
    at++;
    return (character) => ranges.some(([low, high]) => low <= character && character <= high) !== isNegated;
  };
  const chunks: { hasStar: boolean; tests: ((character: string) => boolean)[] }[] = [
    { hasStar: false, tests: [] },
  ];
  while (at < characters.length) {
    const character = characters[at];
    if (character === "*") {
      at++;
      if (chunks.at(-1)?.hasStar !== true || chunks.at(-1)?.tests.length !== 0)
        chunks.push({ hasStar: true, tests: [] });
      continue;
    }
    if (character === "?" || character === "[") at++;
    const exact = character === "?" || character === "[" ? "" : literal();
    chunks
      .at(-1)
      ?.tests.push(
        character === "?"
          ? (other) => other !== "/"
          : character === "["
            ? classTest()
            : (other) => other === exact,
      );
  }
  return chunks;
}
