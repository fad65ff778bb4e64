import { type ErrorKind, LongshoreError, messageOf } from "#kernel";

/** The only place that knows HTTP: nine kinds to nine statuses. */
export const STATUS: Readonly<Record<ErrorKind, number>> = {
  unchanged: 304,
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  internal: 500,
  unsupported: 501,
  unavailable: 503,
};

/** Status and message for whatever a handler threw. Anything but a LongshoreError is a bug and answers 500 with the request's id. */
export function errorReply(
  error: unknown,
  requestId: string,
): { status: number; message: string; isBug: boolean } {
  if (error instanceof LongshoreError)
    return { status: STATUS[error.kind], message: error.message, isBug: false };
  return { status: 500, message: `internal error (request ${requestId}): ${messageOf(error)}`, isBug: true };
}
