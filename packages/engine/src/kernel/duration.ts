const UNIT_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  "\u00b5s": 0.001,
  ns: 0.000_001,
};

/** A Go duration (`1h30m`, `1.5s`, `-2m`) in milliseconds; undefined for anything else. Source: Go, time.ParseDuration. */
export function parseDuration(text: string): number | undefined {
  const body = text.replace(/^[-+]/, "");
  if (body === "0") return 0;
  const parts = [...body.matchAll(/(\d+\.?\d*|\.\d+)(h|ms|m|s|us|\u00b5s|ns)/gy)];
  if (parts.length === 0 || parts.reduce((sum, [whole]) => sum + whole.length, 0) !== body.length)
    return undefined;
  const ms = parts.reduce((sum, [, value, unit]) => sum + Number(value) * (UNIT_MS[unit ?? ""] ?? 0), 0);
  return text.startsWith("-") ? -ms : ms;
}
