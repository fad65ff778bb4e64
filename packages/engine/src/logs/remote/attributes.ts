import { LongshoreError } from "#kernel";
import type { LogOptions } from "./driver.ts";

/** The labels and variables that the options `labels`, `labels-regex`, `env`, `env-regex` name. Throws `invalid` for a bad expression. */
export function extraAttributes(
  options: LogOptions,
  labels: Readonly<Record<string, string>>,
  env: readonly string[],
): Map<string, string> {
  const chosen = new Map<string, string>();
  const take = (source: Iterable<readonly [string, string]>, names: string, pattern: string): void => {
    const wanted = new Set((options[names] ?? "").split(",").map((name) => name.trim()));
    const expression = patternOf(options[pattern]);
    for (const [name, value] of source)
      if (wanted.has(name) || expression?.test(name) === true) chosen.set(name, value);
  };
  take(Object.entries(labels), "labels", "labels-regex");
  take(
    env.map((entry): [string, string] => {
      const equals = entry.indexOf("=");
      return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
    "env",
    "env-regex",
  );
  return chosen;
}

function patternOf(text: string | undefined): RegExp | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new LongshoreError("invalid", `invalid regular expression in log options: '${text}'`, {
      cause: error,
    });
  }
}
