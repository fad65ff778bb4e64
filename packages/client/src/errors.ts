/** An answer of the engine above 399, or a connection that failed. `statusCode`, `reason` and `json` are named as in dockerode. */
export class DockerError extends Error {
  override readonly name: string = "DockerError";
  /** 0 when no answer came. */
  readonly statusCode: number;
  readonly reason: string;
  readonly json: unknown;
  constructor(statusCode: number, reason: string, json: unknown, options: ErrorOptions = {}) {
    super(
      statusCode === 0 ? reason : `(HTTP code ${statusCode}) ${reasonOf(statusCode)} - ${reason}`,
      options,
    );
    this.statusCode = statusCode;
    this.reason = reason;
    this.json = json;
  }
}

const REASONS: Readonly<Record<number, string>> = {
  304: "not modified",
  400: "bad parameter",
  401: "unauthorized",
  403: "forbidden",
  404: "no such object",
  406: "impossible to attach",
  409: "conflict",
  500: "server error",
  501: "not implemented",
  503: "service unavailable",
};

function reasonOf(statusCode: number): string {
  return REASONS[statusCode] ?? "unexpected";
}

/** The engine's own words of an error body; the body itself when it is no JSON. */
export function messageOf(body: string): { readonly message: string; readonly json: unknown } {
  try {
    const json: unknown = JSON.parse(body);
    if (typeof json === "object" && json !== null && "message" in json && typeof json.message === "string")
      return { message: json.message, json };
    return { message: body.trim(), json };
  } catch {
    return { message: body.trim(), json: null };
  }
}
