import { LongshoreError, parseDuration } from "#kernel";

/** Docker's booleans: empty, 0, no, false, none (any case) are false, anything else true. Absent = `fallback`. */
export function flag(query: URLSearchParams, name: string, fallback = false): boolean {
  const value = query.get(name);
  return value === null ? fallback : !["", "0", "no", "false", "none"].includes(value.trim().toLowerCase());
}

/** A whole number, undefined when absent or empty; throws `invalid` naming the key. */
export function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^-?\d{1,15}$/.test(text))
    throw new LongshoreError("invalid", `invalid value "${text}" for ${name}, want a whole number`);
  return Number(text);
}

/** Unix seconds with up to nine decimals, or RFC 3339, in nanoseconds. Empty and absent are undefined. Throws `invalid`. */
export function timeNano(query: URLSearchParams, name: string): bigint | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const nano = parseTime(text);
  if (nano === undefined)
    throw new LongshoreError("invalid", `invalid value "${text}" for ${name}: want unix seconds or RFC 3339`);
  return nano;
}

/** Nanoseconds of unix seconds (negative ones too) or of a date, with a time, a fraction and a zone or without; the zone is the engine's then. */
function parseTime(text: string): bigint | undefined {
  const unix = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
  if (unix !== null) {
    const [, sign = "", seconds = "0", fraction = ""] = unix;
    const nano = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"));
    return sign === "" ? nano : -nano;
  }
  const [, date = "", time = "T00:00", fraction = "", zone = ""] =
    /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(?::\d{2})?)?(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?$/.exec(text) ?? [];
  const ms = Date.parse(`${date}${time}${zone}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

export type Filters = ReadonlyMap<string, readonly string[]>;

/** `{"k":{"v":true}}` or `{"k":["v"]}`; unknown keys are 400 as in Docker. Source: API.md, filters. */
export function parseFilters(query: URLSearchParams, known: readonly string[]): Filters {
  const text = query.get("filters");
  const filters = new Map<string, readonly string[]>();
  if (text === null || text === "") return filters;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new LongshoreError("invalid", `invalid filter: ${JSON.stringify(text.slice(0, 200))} is not JSON`, {
      cause: error,
    });
  }
  if (parsed === null) return filters;
  if (typeof parsed !== "object" || Array.isArray(parsed))
    throw new LongshoreError("invalid", "invalid filter: want an object of lists");
  for (const [key, value] of Object.entries(parsed)) {
    if (!known.includes(key)) throw new LongshoreError("invalid", `invalid filter '${key}'`);
    // A key without a value asks for nothing.
    if (!isEmpty(value)) filters.set(key, valuesOf(key, value));
  }
  return filters;
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && Object.keys(value ?? {}).length === 0;

function valuesOf(key: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value)
      .filter(([, isOn]) => isOn === true)
      .map(([entry]) => entry);
  }
  throw new LongshoreError(
    "invalid",
    `invalid filter '${key}': want a list of strings or an object of booleans`,
  );
}

/** A regular expression tried on a name with and without its slash, as Docker does. Throws `invalid` for a broken one. */
export function namePattern(key: string, pattern: string): (name: string) => boolean {
  try {
    const expression = new RegExp(pattern, "u");
    return (name) => expression.test(name) || expression.test(`/${name}`);
  } catch (error) {
    throw new LongshoreError("invalid", `invalid filter '${key}=${pattern}': not a regular expression`, {
      cause: error,
    });
  }
}

/** True when every `label` filter (`k` or `k=v`) fits and no `label!` does. */
export function labelsMatch(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  const fits = (wanted: string): boolean => {
    const equals = wanted.indexOf("=");
    return equals < 0
      ? Object.hasOwn(labels, wanted)
      : labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
  };
  return (filters.get("label") ?? []).every(fits) && !(filters.get("label!") ?? []).some(fits);
}

/** A boolean filter (`dangling=true`): undefined when absent; throws `invalid` for other words. */
export function filterFlag(filters: Filters, key: string): boolean | undefined {
  const values = filters.get(key);
  if (values === undefined || values.length === 0) return undefined;
  const [value = ""] = values;
  if (values.length === 1 && (value === "1" || value === "true")) return true;
  if (values.length === 1 && (value === "0" || value === "false")) return false;
  throw new LongshoreError("invalid", `invalid filter '${key}=[${values.join(" ")}]'`);
}

/** `until` filter, unix milliseconds: a time stamp, or a duration before `now`; +Infinity when absent. Throws `invalid`. */
export function untilOf(filters: Filters, now: Date): number {
  const [text, ...more] = filters.get("until") ?? [];
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (more.length > 0) throw new LongshoreError("invalid", "more than one until filter specified");
  const duration = parseDuration(text);
  // "0" is the time stamp, "0s" is now.
  if (duration !== undefined && text !== "0") return now.getTime() - duration;
  const nano = parseTime(text);
  if (nano === undefined)
    throw new LongshoreError("invalid", `failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return Number(nano / 1000n) / 1000;
}
