import { LongshoreError } from "#kernel";

/** Turns an unknown value into T or throws `invalid` naming `path`. Absent and null are `undefined` to it. */
export interface Shape<T> {
  (value: unknown, path: string): T;
  /** Members of the object that it takes, or of the objects in its list or map. */
  readonly members?: Readonly<Record<string, Shape<unknown>>> | undefined;
}

/** `made` takes what `inner` does, in another form. */
const around = <T>(inner: Shape<unknown>, made: (value: unknown, path: string) => T): Shape<T> =>
  inner.members === undefined ? made : Object.assign(made, { members: inner.members });

/** Every field that a shape takes, with dots: `HostConfig.Mounts.Target`. Lists and maps add nothing. */
export function fieldsOf(shape: Shape<unknown>): readonly string[] {
  return Object.entries(shape.members ?? {}).flatMap(([name, inner]) => [
    name,
    ...fieldsOf(inner).map((field) => `${name}.${field}`),
  ]);
}

const refuse = (path: string, wanted: string, value: unknown): LongshoreError =>
  new LongshoreError(
    "invalid",
    `invalid JSON: ${path}: cannot unmarshal ${kindOf(value)} into a field of type ${wanted}`,
  );

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value === "object" ? "object" : typeof value;
}

export function text(fallback: string): Shape<string> {
  return (value, path) => {
    if (value === undefined || value === null) return fallback;
    if (typeof value !== "string") throw refuse(path, "string", value);
    return value;
  };
}

export function flag(fallback: boolean): Shape<boolean> {
  return (value, path) => {
    if (value === undefined || value === null) return fallback;
    if (typeof value !== "boolean") throw refuse(path, "bool", value);
    return value;
  };
}

export function whole(fallback: number): Shape<number> {
  return (value, path) => {
    if (value === undefined || value === null) return fallback;
    if (typeof value !== "number" || !Number.isInteger(value)) throw refuse(path, "int64", value);
    return value;
  };
}

/** A whole number that is not below zero and not above `most`. */
export function unsigned(fallback: number, most: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, path) => {
    const number = whole(fallback)(value, path);
    if (number >= 0 && number <= most) return number;
    throw new LongshoreError(
      "invalid",
      `invalid JSON: ${path}: cannot unmarshal number ${number} into a field of type uint`,
    );
  };
}

/** Absent and null stay undefined. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return around(shape, (value, path) =>
    value === undefined || value === null ? undefined : shape(value, path),
  );
}

/** Absent and null are null. */
export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return around(shape, (value, path) => (value === undefined || value === null ? null : shape(value, path)));
}

export function list<T>(entry: Shape<T>): Shape<readonly T[]> {
  return around(entry, (value, path) => {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw refuse(path, "array", value);
    return value.map((item, index) => entry(item, `${path}[${index}]`));
  });
}

/** A string, or a list of strings: Cmd and Entrypoint (Docker's StrSlice). */
export const words: Shape<readonly string[]> = (value, path) =>
  typeof value === "string" ? [value] : list(text(""))(value, path);

export function record<T>(entry: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return around(entry, (value, path) => {
    if (value === undefined || value === null) return {};
    if (typeof value !== "object" || Array.isArray(value)) throw refuse(path, "map", value);
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, entry(item, `${path}.${key}`)]),
    );
  });
}

export const anything: Shape<object> = (value) => (typeof value === "object" && value !== null ? value : {});

type Fields = Readonly<Record<string, Shape<unknown>>>;
/** The type of an object of shapes: fields whose shape may give undefined are optional. */
export type Shaped<F extends Fields> = {
  readonly [K in keyof F as undefined extends ReturnType<F[K]> ? never : K]: ReturnType<F[K]>;
} & {
  readonly [K in keyof F as undefined extends ReturnType<F[K]> ? K : never]?: Exclude<
    ReturnType<F[K]>,
    undefined
  >;
};

/** An object; unknown fields are ignored, names match in any case as Go's decoder does, undefined fields are left out. */
export function object<F extends Fields>(fields: F): Shape<Shaped<F>> {
  const names = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  const take = (value: unknown, path: string): Shaped<F> => {
    if (value !== undefined && value !== null && (typeof value !== "object" || Array.isArray(value)))
      throw refuse(path, "object", value);
    const given = new Map<string, unknown>();
    for (const [name, item] of Object.entries(value ?? {})) {
      const known = names.get(name.toLowerCase());
      if (known !== undefined && (known === name || !given.has(known))) given.set(known, item);
    }
    const out: Record<string, unknown> = {};
    for (const [name, shape] of Object.entries(fields)) {
      const parsed = shape(given.get(name), path === "" ? name : `${path}.${name}`);
      if (parsed !== undefined) out[name] = parsed;
    }
    return out as Shaped<F>;
  };
  return Object.assign(take, { members: fields });
}
