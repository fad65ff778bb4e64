/** Why something failed, in nine words; `api/server/errors.ts` maps each to an HTTP status. */
export type ErrorKind =
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "unchanged"
  | "unsupported"
  | "unavailable"
  | "internal";

/** Values for logs and tests that belong to an error; never secrets. */
export type ErrorFacts = Readonly<Record<string, string | number>>;

/** The one error class of the engine: what was tried, the value in quotes, what was wanted. */
export class LongshoreError extends Error {
  override readonly name: string = "LongshoreError";
  readonly kind: ErrorKind;
  readonly facts: ErrorFacts;

  constructor(kind: ErrorKind, message: string, options: ErrorOptions & { facts?: ErrorFacts } = {}) {
    super(message, options);
    this.kind = kind;
    this.facts = options.facts ?? {};
  }
}

/** True when `error` is ours and of `kind` (any kind when left out). */
export function isKind(error: unknown, kind?: ErrorKind): error is LongshoreError {
  return error instanceof LongshoreError && (kind === undefined || error.kind === kind);
}

/** The POSIX error name (`ENOENT`) that Node or host put on `error`, or undefined. */
export function errno(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
