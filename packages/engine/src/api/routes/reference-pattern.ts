import { pathMatch } from "./path-match.ts";

/** Docker's patterns of references, tried with the tag and without. Throws `invalid` for a broken one. Source: distribution, FamiliarMatch. */
export function referencePattern(pattern: string): (name: string) => boolean {
  const test = pathMatch(pattern);
  return (name) => test(name) || test(name.split("@", 1)[0]?.replace(/:[^:/]*$/, "") ?? "");
}
