const PROPAGATIONS = ["rprivate", "private", "rshared", "shared", "rslave", "slave"];
/** Of each kind one word at most. Source: Docker CLI reference, `docker run --volume`. */
const KINDS: readonly (readonly string[])[] = [
  ["ro", "rw"],
  ["z", "Z"],
  PROPAGATIONS,
  ["copy", "nocopy"],
  ["consistent", "cached", "delegated"],
];

export const isPropagation = (word: string): boolean => PROPAGATIONS.includes(word);

/** The third part of a bind: words with commas between, or nothing. */
export function isBindMode(text: string): boolean {
  if (text === "") return true;
  const kinds = text.split(",").map((word) => KINDS.findIndex((words) => words.includes(word)));
  return !kinds.includes(-1) && new Set(kinds).size === kinds.length;
}

/** What may stand behind the name of a container whose volumes are taken over: nothing of how they were made. */
export function isInheritedMode(text: string): boolean {
  const words = text.split(",");
  return isBindMode(text) && !words.some((word) => isPropagation(word) || /^(no)?copy$/.test(word));
}
