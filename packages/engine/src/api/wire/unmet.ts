import { LongshoreError } from "#kernel";

/** Fields that the API describes and this engine can't follow: a value that asks for something gets an answer, never silence. */
export interface UnmetField {
  /** With dots, as fieldsOf() names it. */
  readonly field: string;
  /** `warned`: left out, with a line in Warnings. `refused`: 400. */
  readonly answer: "warned" | "refused";
  /** The value at the field, absent ones excluded: true when it asks for what isn't there. */
  readonly asks: (value: unknown) => boolean;
  readonly sentence: (value: unknown) => string;
}

export const isPositive = (value: unknown): boolean => typeof value === "number" && value > 0;
export const isGiven = (value: unknown): boolean =>
  typeof value === "object" && value !== null
    ? Object.keys(value).length > 0
    : value !== "" && value !== 0 && value !== false && value !== undefined && value !== null;

/** Warnings for what `body` asks beyond this engine. Throws `invalid` for what is refused. */
export function answerUnmet(fields: readonly UnmetField[], body: unknown): readonly string[] {
  const warnings: string[] = [];
  for (const { field, answer, asks, sentence } of fields) {
    for (const value of valuesAt(body, field.split("."))) {
      if (!asks(value)) continue;
      if (answer === "refused") throw new LongshoreError("invalid", sentence(value));
      warnings.push(sentence(value));
      break;
    }
  }
  return warnings;
}

/** Values at a path of member names, of each entry where a list or a map lies between. Names match in any case, as Go's decoder does. */
function valuesAt(value: unknown, path: readonly string[]): readonly unknown[] {
  const [name, ...rest] = path;
  if (name === undefined) return value === undefined || value === null ? [] : [value];
  if (Array.isArray(value)) return value.flatMap((entry) => valuesAt(entry, path));
  if (typeof value !== "object" || value === null) return [];
  if (name === "*") return Object.values(value).flatMap((entry) => valuesAt(entry, rest));
  return Object.entries(value)
    .filter(([key]) => key.toLowerCase() === name.toLowerCase())
    .flatMap(([, entry]) => valuesAt(entry, rest));
}
