interface Rule {
  readonly matches: RegExp;
  readonly keeps: boolean;
}

/** Reads a .dockerignore: answers whether a path of the context (relative, "/" between) stays out. The last rule that matches decides. */
export function dockerignore(text: string): (path: string) => boolean {
  const rules = text.split("\n").flatMap((line) => ruleOf(line));
  return (path) => rules.findLast(({ matches }) => matches.test(path))?.keeps === false;
}

function ruleOf(line: string): Rule[] {
  const words = line.replace(/^\uFEFF/, "").trim();
  if (words === "" || words.startsWith("#")) return [];
  const keeps = words.startsWith("!");
  const pattern = clean(keeps ? words.slice(1).trim() : words);
  if (pattern === "") return [];
  // A rule for a folder holds for all that is in it.
  return [{ matches: new RegExp(`^${translate(pattern)}(?:/.*)?$`, "su"), keeps }];
}

/** Without "." parts, doubled or trailing slashes and a leading slash. */
function clean(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** Go's filepath.Match with `**` for any number of folders. Source: Dockerfile reference, .dockerignore. */
function translate(pattern: string): string {
  const words = /\*\*\/|\*\*|\*|\?|\[\^?(?:\\.|[^\]\\])+\]|\\?./gsu;
  return pattern.replaceAll(words, (word) => {
    if (word === "**/") return "(?:.*/)?";
    if (word === "**") return ".*";
    if (word === "*") return "[^/]*";
    if (word === "?") return "[^/]";
    if (word.length > 2 && word.startsWith("[")) return word;
    return word.replace(/^\\(?=.)/su, "").replace(/[\\^$.*+?()[\]{}|/-]/gu, String.raw`\$&`);
  });
}
