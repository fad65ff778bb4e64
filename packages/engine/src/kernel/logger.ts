import { messageOf } from "./errors.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFacts = Readonly<Record<string, unknown>>;

/** Writes one JSON line per call: constant message, facts beside it. */
export interface Logger {
  debug(message: string, facts?: LogFacts): void;
  info(message: string, facts?: LogFacts): void;
  warn(message: string, facts?: LogFacts): void;
  error(message: string, facts?: LogFacts): void;
  /** A logger that marks its lines with `room`. */
  child(room: string): Logger;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Opens a logger that hands each line (with its LF) to `write`. Lines below `level` are dropped. */
export function openLogger(level: LogLevel, write: (line: string) => void, room = "engine"): Logger {
  const least = LEVELS.indexOf(level);
  const at = (lineLevel: LogLevel) => {
    const isOn = LEVELS.indexOf(lineLevel) >= least;
    return (message: string, facts: LogFacts = {}): void => {
      if (!isOn) return;
      write(
        `${JSON.stringify({ time: new Date().toISOString(), level: lineLevel, room, message, ...facts }, plain)}\n`,
      );
    };
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (name) => openLogger(level, write, name),
  };
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return { message: messageOf(value), stack: value.stack, cause: value.cause };
  return typeof value === "bigint" ? value.toString() : value;
}

/** A logger that drops everything, for tests. */
export const silentLogger: Logger = openLogger("error", () => {}, "silent");
