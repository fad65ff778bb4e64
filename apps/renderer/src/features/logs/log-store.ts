/** One line of output. `text` is without escape sequences; `raw` keeps them for colours. */
export interface LogLine {
  readonly source: "stdout" | "stderr";
  readonly time: string;
  readonly raw: string;
  readonly text: string;
}

export interface LogTotal {
  readonly lines: number;
  readonly errors: number;
}

const MOST_LINES = 100_000;
const DROPPED_AT_ONCE = 10_000;
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)) /;
// oxlint-disable-next-line no-control-regex -- escape sequences are what is taken out: CSI, OSC (titles, links, clipboard) and the rest
const ESCAPES = /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\-_])/g;

/** Output cut into lines, oldest dropped above 100,000. Each source keeps its own unfinished line. */
export class LogStore {
  readonly lines: LogLine[] = [];
  /** Lines dropped from the front since the start. */
  dropped = 0;
  #errors = 0;
  readonly #rest: Record<LogLine["source"], string> = { stdout: "", stderr: "" };
  #decoders = newDecoders();
  /** Lines that the next stream gives again, by source. */
  #repeated: Record<LogLine["source"], LogLine[]> = { stdout: [], stderr: [] };

  /**
   * Another stream goes on, from the time that this answers. Many lines may share that time, and the stream before may have
   * ended among them: they come again, and those that are here already are left out.
   */
  resume(): string {
    const time = this.lines.at(-1)?.time ?? "";
    const first = this.lines.findLastIndex((line) => line.time !== time) + 1;
    const last = time === "" ? [] : this.lines.slice(first);
    this.#repeated = {
      stdout: last.filter(({ source }) => source === "stdout"),
      stderr: last.filter(({ source }) => source === "stderr"),
    };
    this.#rest.stdout = "";
    this.#rest.stderr = "";
    this.#decoders = newDecoders();
    return time;
  }

  /** Returns how many lines were dropped to make room. */
  push(source: LogLine["source"], bytes: Uint8Array): number {
    const parts = (this.#rest[source] + this.#decoders[source].decode(bytes, { stream: true })).split("\n");
    this.#rest[source] = parts.pop() ?? "";
    for (const part of parts) {
      const line = lineOf(source, part);
      const [again] = this.#repeated[source];
      if (again?.time === line.time && again.raw === line.raw) {
        this.#repeated[source].shift();
        continue;
      }
      this.lines.push(line);
      if (source === "stderr") this.#errors += 1;
    }
    if (this.lines.length <= MOST_LINES) return 0;
    const surplus = Math.max(DROPPED_AT_ONCE, this.lines.length - MOST_LINES);
    this.lines.splice(0, surplus);
    this.dropped += surplus;
    return surplus;
  }

  /** Everything that ever came: lines, and those of them on the error output. */
  get total(): LogTotal {
    return { lines: this.dropped + this.lines.length, errors: this.#errors };
  }

  clear(): void {
    this.dropped += this.lines.length;
    this.lines.length = 0;
  }
}

function newDecoders(): Record<LogLine["source"], TextDecoder> {
  return { stdout: new TextDecoder(), stderr: new TextDecoder() };
}

function lineOf(source: LogLine["source"], whole: string): LogLine {
  const time = TIME.exec(whole)?.[1] ?? "";
  const body = time === "" ? whole : whole.slice(time.length + 1);
  // A carriage return rewrites its line (progress bars): the last writing is what a terminal would show.
  const trimmed = body.endsWith("\r") ? body.slice(0, -1) : body;
  const raw = trimmed.includes("\r") ? trimmed.slice(trimmed.lastIndexOf("\r") + 1) : trimmed;
  return { source, time, raw, text: raw.includes("\u001B") ? raw.replaceAll(ESCAPES, "") : raw };
}

/** A search as people type it: plain text without case, or a regular expression; undefined for nothing or a broken one. */
export function compileQuery(query: string, isRegex: boolean): RegExp | undefined {
  if (query === "") return undefined;
  try {
    return new RegExp(isRegex ? query : query.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`), "giu");
  } catch {
    return undefined;
  }
}
