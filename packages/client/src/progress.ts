import type { Readable } from "node:stream";
import type { ProgressLine } from "@longshore/protocol";
import { DockerError } from "./errors.ts";

const LONGEST_LINE = 4 * 1024 * 1024;

/** The JSON values of a stream, one a line (pull, load, events, stats). A cut last line is dropped. */
export async function* jsonLines<T>(stream: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LONGEST_LINE) throw new DockerError(0, "the engine sent a line without an end", null);
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as T;
  }
  if (rest.trim() !== "") {
    try {
      yield JSON.parse(rest) as T;
    } catch {
      // The connection ended inside a line: there is no whole value to give.
    }
  }
}

/** Reads a pull, push, load or build to its end; an error line becomes the error. Named as in dockerode's modem. */
export function followProgress(
  stream: Readable,
  onFinished: (error: Error | null, lines: readonly ProgressLine[]) => void,
  onProgress?: (line: ProgressLine) => void,
): void {
  const lines: ProgressLine[] = [];
  const read = async (): Promise<void> => {
    for await (const line of jsonLines<ProgressLine>(stream)) {
      lines.push(line);
      onProgress?.(line);
      if (line.error !== undefined || line.errorDetail !== undefined)
        throw new DockerError(0, line.errorDetail?.message ?? line.error ?? "unknown error", line);
    }
  };
  read().then(
    () => onFinished(null, lines),
    (error: Error) => onFinished(error, lines),
  );
}
