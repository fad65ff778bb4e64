import { LongshoreError, messageOf } from "#kernel";
import type { Call } from "./call.ts";

/** A line of JSON progress: objects as Docker's JSONMessage. */
export type ProgressLine = object;

/**
 * Runs `work`, whose lines go out as CR LF ended JSON. The 200 is sent with the first line, so that a failure before it is a proper status;
 * after it the failure is an errorDetail line, without a code as Docker's: older CLIs put words of their own in the place of a 401.
 */
export async function progressStream(
  call: Call,
  work: (line: (value: ProgressLine) => void) => Promise<void>,
): Promise<void> {
  let isStarted = false;
  const start = (): void => {
    if (!isStarted) call.startStream("application/json");
    isStarted = true;
  };
  try {
    await work((value) => {
      if (call.signal.aborted) return;
      start();
      call.response.write(`${JSON.stringify(value)}\r\n`);
    });
    start();
  } catch (error) {
    call.signal.throwIfAborted();
    if (!isStarted) throw error;
    const message = error instanceof LongshoreError ? error.message : messageOf(error);
    call.response.write(`${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`);
  }
  call.response.end();
}

/** The bar text that clients up to 1.51 still show. */
export function progressBar(current: number, total: number | undefined): string {
  if (total === undefined || total <= 0) return humanSize(current);
  const filled = Math.min(50, Math.floor((current / total) * 50));
  const bar =
    filled >= 50 ? "=".repeat(49) + ">" : `${"=".repeat(filled)}>${" ".repeat(Math.max(0, 49 - filled))}`;
  return `[${bar}]  ${humanSize(current)}/${humanSize(total)}`;
}

function humanSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(4))}${units[unit] ?? "B"}`;
}
