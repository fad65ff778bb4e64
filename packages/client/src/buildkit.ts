import type { Readable } from "node:stream";
import type { ProgressLine } from "@longshore/protocol";
import { followProgress } from "./progress.ts";

type Fields = ReadonlyMap<number, readonly (bigint | Buffer)[]>;

/** `followProgress`, with the trace of a BuildKit build (base64 of protocol buffers in `aux`) as `stream` lines. */
export function followBuildProgress(
  stream: Readable,
  onFinished: (error: Error | null, lines: readonly ProgressLine[]) => void,
  onProgress?: (line: ProgressLine) => void,
): void {
  const words: ProgressLine[] = [];
  followProgress(
    stream,
    (error) => onFinished(error, words),
    (line) => {
      for (const one of inWords(line)) {
        words.push(one);
        onProgress?.(one);
      }
    },
  );
}

function inWords(line: ProgressLine): readonly ProgressLine[] {
  if (line.id === "moby.buildkit.trace" && typeof line.aux === "string")
    return traceWords(Buffer.from(line.aux, "base64")).map((words) => ({ stream: `${words}\n` }));
  const { aux } = line;
  if (line.id === "moby.image.id" && typeof aux === "object" && aux !== null && "ID" in aux)
    return [{ stream: `Built image: ${String(aux.ID)}\n` }];
  return [line];
}

/** Source: BuildKit's control API, StatusResponse: 1 steps, 2 transfers, 3 output, 4 warnings. */
function traceWords(bytes: Buffer): readonly string[] {
  const trace = fieldsOf(bytes);
  const each = (number: number): readonly Fields[] =>
    (trace.get(number) ?? []).filter((value) => Buffer.isBuffer(value)).map((value) => fieldsOf(value));
  return [
    ...each(1).flatMap(stepWords),
    ...each(3).map((log) => textOf(log, 4).trimEnd()),
    ...each(2).flatMap(transferWords),
    ...each(4).map((warning) => `WARNING: ${textOf(warning, 3)}`),
  ].filter((words) => words.trim() !== "");
}

/** 1 digest, 3 name, 4 from the cache, 5 started, 6 completed, 7 error. */
function stepWords(step: Fields): readonly string[] {
  const [name, error] = [textOf(step, 3), textOf(step, 7)];
  const isDone = step.has(6);
  return [
    ...(name !== "" && step.has(5) && !isDone ? [`[${textOf(step, 1).slice(0, 12)}] ${name}`] : []),
    ...(error === "" ? [] : [`ERROR: ${error}`]),
    ...(isDone && numberOf(step, 4) === 1 ? [`CACHED: ${name}`] : []),
  ];
}

/** 3 name, 4 current, 5 total. */
function transferWords(transfer: Fields): readonly string[] {
  const [name, current, total] = [textOf(transfer, 3), numberOf(transfer, 4), numberOf(transfer, 5)];
  if (name === "" || total <= 0) return [];
  return [`${name}: ${Math.floor((current / total) * 100)}% (${current}/${total})`];
}

function textOf(fields: Fields, number: number): string {
  const value = fields.get(number)?.at(-1);
  return Buffer.isBuffer(value) ? value.toString() : "";
}

function numberOf(fields: Fields, number: number): number {
  const value = fields.get(number)?.at(-1);
  return typeof value === "bigint" ? Number(value) : 0;
}

/** The fields of one protocol buffers message: varints as numbers, all else as bytes. Throws for a message cut short. */
function fieldsOf(bytes: Buffer): Fields {
  const fields = new Map<number, (bigint | Buffer)[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63n) throw new Error("a BuildKit trace ends inside a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (count: number): Buffer => {
    if (at + count > bytes.length) throw new Error("a BuildKit trace ends inside a field");
    return bytes.subarray(at, (at += count));
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const wire = tag & 7;
    const value = wire === 0 ? varint() : take(wire === 2 ? Number(varint()) : wire === 1 ? 8 : 4);
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}
