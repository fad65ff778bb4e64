/** Parsers for what the window sends: each returns the value in its type or throws a sentence that names the field. */
export type Parser<T> = (value: unknown, field: string) => T;

export class BadArgument extends Error {
  override readonly name: string = "BadArgument";
}

export const text =
  (longest: number, shortest = 0): Parser<string> =>
  (value, field) => {
    if (typeof value !== "string") throw new BadArgument(`${field} must be text`);
    if (value.length > longest) throw new BadArgument(`${field} is longer than ${longest} characters`);
    if (value.length < shortest) throw new BadArgument(`${field} must not be empty`);
    if (value.includes("\0")) throw new BadArgument(`${field} holds a zero byte`);
    return value;
  };

export const flag: Parser<boolean> = (value, field) => {
  if (typeof value !== "boolean") throw new BadArgument(`${field} must be true or false`);
  return value;
};

export const whole =
  (least: number, most: number): Parser<number> =>
  (value, field) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
      throw new BadArgument(`${field} must be a whole number from ${least} to ${most}`);
    return value;
  };

export const oneOf =
  <const W extends string>(...words: readonly W[]): Parser<W> =>
  (value, field) => {
    const found = words.find((word) => word === value);
    if (found === undefined) throw new BadArgument(`${field} must be one of ${words.join(", ")}`);
    return found;
  };

export const listOf =
  <T>(item: Parser<T>, most: number): Parser<readonly T[]> =>
  (value, field) => {
    if (!Array.isArray(value) || value.length > most)
      throw new BadArgument(`${field} must be a list of at most ${most}`);
    return value.map((one, at) => item(one, `${field}[${at}]`));
  };

export const orNull =
  <T>(parse: Parser<T>): Parser<T | null> =>
  (value, field) =>
    value === null ? null : parse(value, field);

/** Any names to values of one kind. */
export const mapOf =
  <T>(name: Parser<string>, item: Parser<T>, most: number): Parser<Readonly<Record<string, T>>> =>
  (value, field) => {
    if (!isPlain(value) || Object.keys(value).length > most)
      throw new BadArgument(`${field} must be an object with at most ${most} names`);
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        name(key, `a name of ${field}`),
        item(one, `${field}.${key}`),
      ]),
    );
  };

/** Exactly these fields; an unknown one is refused. */
export const record =
  <T extends object>(fields: { readonly [K in keyof T]: Parser<T[K]> }): Parser<T> =>
  (value, field) => {
    if (!isPlain(value)) throw new BadArgument(`${field} must be an object`);
    for (const name of Object.keys(value))
      if (!Object.hasOwn(fields, name)) throw new BadArgument(`${field}.${name} is not known`);
    const entries = Object.entries(fields) as [string, Parser<unknown>][];
    return Object.fromEntries(
      entries.map(([name, parse]) => [name, parse(value[name], `${field}.${name}`)]),
    ) as T;
  };

/** Any plain JSON of at most `mostBytes`, with only these names at the top. For documents whose grammar the engine checks. */
export const document =
  <T extends object>(names: ReadonlySet<string>, mostBytes: number): Parser<T> =>
  (value, field) => {
    if (!isPlain(value)) throw new BadArgument(`${field} must be an object`);
    for (const name of Object.keys(value))
      if (!names.has(name)) throw new BadArgument(`${field}.${name} is not known`);
    const json = JSON.stringify(value);
    if (json.length > mostBytes) throw new BadArgument(`${field} is larger than ${mostBytes} bytes`);
    return JSON.parse(json) as T;
  };

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
