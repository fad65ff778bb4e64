import { randomBytes } from "node:crypto";
import { LongshoreError, parseDuration, unlessAborted } from "#kernel";
import { parseServerAddress } from "./address.ts";
import { extraAttributes } from "./attributes.ts";
import {
  BATCH_BYTES,
  type LogOptions,
  type LogSubject,
  type RemoteConnection,
  type RemoteDriver,
  type RemoteLine,
  type RetryPolicy,
} from "./driver.ts";
import { partId } from "./journald.ts";
import { decodeStringMap, type Encodable, encodeMsgpack, EventTime } from "./msgpack.ts";
import { memoryBytes } from "./sizes.ts";
import { type StreamAddress, StreamConnection } from "./stream-connection.ts";
import { renderTag } from "./tag.ts";

export const FLUENTD_OPTIONS: readonly string[] = [
  "fluentd-address",
  "fluentd-async",
  "fluentd-async-reconnect-interval",
  "fluentd-buffer-limit",
  "fluentd-max-retries",
  "fluentd-request-ack",
  "fluentd-retry-wait",
  "fluentd-sub-second-precision",
  "tag",
  "labels",
  "labels-regex",
  "env",
  "env-regex",
];

const DEFAULT_RETRY_MS = 1000;
const MAX_WAIT_MS = 60_000;
const ACK_LIMIT_MS = 30_000;
const MAX_ANSWER_BYTES = 65_536;

interface FluentdSettings {
  readonly address: StreamAddress;
  readonly isAsync: boolean;
  readonly hasAcks: boolean;
  readonly hasNanos: boolean;
  readonly batchBytes: number;
  readonly retry: RetryPolicy;
}

/** Reads the options; throws `invalid`. Source: Docker Engine, fluentd logging driver. */
export function fluentdSettings(options: LogOptions): FluentdSettings {
  const { scheme, host, port, path } = parseServerAddress(
    "fluentd-address",
    options["fluentd-address"] ?? "",
    ["tcp", "tls", "unix"],
    { scheme: "tcp", host: "127.0.0.1", port: 24_224 },
  );
  const limit = options["fluentd-buffer-limit"];
  const bufferBytes = limit === undefined || limit === "" ? BATCH_BYTES : memoryBytes(limit);
  const interval = options["fluentd-async-reconnect-interval"];
  if (interval !== undefined && interval !== "") {
    const intervalMs = parseDuration(interval);
    if (intervalMs === undefined || intervalMs < 100 || intervalMs > 10_000)
      throw refuse("fluentd-async-reconnect-interval", interval, "a duration between 100ms and 10s");
  }
  return {
    address:
      scheme === "unix"
        ? { kind: "unix", path }
        : scheme === "tls"
          ? { kind: "tls", host, port, isVerified: true }
          : { kind: "tcp", host, port },
    isAsync: truth(options, "fluentd-async"),
    hasAcks: truth(options, "fluentd-request-ack"),
    hasNanos: truth(options, "fluentd-sub-second-precision"),
    batchBytes: Math.min(bufferBytes, BATCH_BYTES),
    retry: {
      firstWaitMs: retryWaitMs(options["fluentd-retry-wait"]),
      factor: 1.5,
      maxWaitMs: MAX_WAIT_MS,
      maxRetries: retries(options["fluentd-max-retries"]),
    },
  };
}

const refuse = (option: string, value: string, wanted: string): LongshoreError =>
  new LongshoreError("invalid", `invalid value for ${option}: '${value}', want ${wanted}`);

function truth(options: LogOptions, option: string): boolean {
  const text = options[option] ?? "";
  if (/^(|0|f|F|false|FALSE|False)$/.test(text)) return false;
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  throw refuse(option, text, "true or false");
}

function retryWaitMs(text: string | undefined): number {
  if (text === undefined || text === "") return DEFAULT_RETRY_MS;
  const waitMs = parseDuration(text);
  if (waitMs === undefined || waitMs < 0) throw refuse("fluentd-retry-wait", text, "a duration");
  return waitMs;
}

function retries(text: string | undefined): number {
  if (text === undefined || text === "") return Number.POSITIVE_INFINITY;
  if (!/^\d{1,10}$/.test(text)) throw refuse("fluentd-max-retries", text, "a whole number");
  return Number(text);
}

/** Docker's record of a line. */
export function recordOf(
  line: RemoteLine,
  subject: LogSubject,
  extra: Readonly<Record<string, string>>,
): Readonly<Record<string, Encodable>> {
  return {
    container_id: subject.id,
    container_name: `/${subject.name}`,
    source: line.stream,
    log: line.bytes,
    ...extra,
    ...(line.part !== undefined && {
      partial_message: "true",
      partial_id: partId(subject, line.part.lineStart),
      partial_ordinal: String(line.part.ordinal),
      partial_last: String(line.part.isLast),
    }),
  };
}

/** A message in forward mode: `[tag, [[time, record], ...], option]`. Source: Fluentd, Forward Protocol Specification v1. */
export function encodeForward(
  tag: string,
  entries: readonly (readonly [timeNano: bigint, record: Readonly<Record<string, Encodable>>])[],
  options: { readonly hasNanos: boolean; readonly chunk?: string },
): Buffer {
  const timed = entries.map(([timeNano, record]): readonly Encodable[] => [
    options.hasNanos ? new EventTime(timeNano) : Number(timeNano / 1_000_000_000n),
    record,
  ]);
  const option = { size: entries.length, ...(options.chunk !== undefined && { chunk: options.chunk }) };
  return encodeMsgpack([tag, timed, option]);
}

export function fluentdDriver(options: LogOptions, subject: LogSubject): RemoteDriver {
  const settings = fluentdSettings(options);
  const tag = renderTag(options["tag"] ?? "{{.ID}}", subject);
  const extra = Object.fromEntries(extraAttributes(options, subject.labels, subject.env));
  return {
    name: "fluentd",
    isConfirming: settings.hasAcks,
    isNeededAtStart: !settings.isAsync,
    batchBytes: settings.batchBytes,
    retry: settings.retry,
    connect: async (signal) => {
      const acks = new AckReader();
      const stream = await StreamConnection.open(settings.address, signal, (chunk) => acks.take(chunk));
      const encode = (lines: readonly RemoteLine[], chunk?: string): Buffer =>
        encodeForward(
          tag,
          lines.map((line) => [line.timeNano, recordOf(line, subject, extra)]),
          { hasNanos: settings.hasNanos, ...(chunk !== undefined && { chunk }) },
        );
      return settings.hasAcks ? withAcks(stream, acks, encode) : withoutAcks(stream, encode);
    },
  };
}

type Encode = (lines: readonly RemoteLine[], chunk?: string) => Buffer;

function withoutAcks(stream: StreamConnection, encode: Encode): RemoteConnection {
  return {
    lost: stream.lost,
    async deliver(lines, signal) {
      await stream.write(encode(lines), signal);
      return 0;
    },
    finish: (signal) => stream.finish(signal),
    [Symbol.dispose]: () => stream[Symbol.dispose](),
  };
}

function withAcks(stream: StreamConnection, acks: AckReader, encode: Encode): RemoteConnection {
  return {
    lost: stream.lost,
    async deliver(lines, signal) {
      const chunk = randomBytes(16).toString("base64");
      const answered = acks.expect(chunk);
      const limit = AbortSignal.any([signal, stream.lost, AbortSignal.timeout(ACK_LIMIT_MS)]);
      await stream.write(encode(lines, chunk), limit);
      await unlessAborted(answered, limit);
      return 0;
    },
    finish: (signal) => stream.finish(signal),
    [Symbol.dispose]: () => stream[Symbol.dispose](),
  };
}

/** Reads `{"ack": chunk}` answers. A reading that throws ends the connection it belongs to. */
class AckReader {
  #rest: Buffer = Buffer.alloc(0);
  #wanted = "";
  #answered = Promise.withResolvers<void>();

  expect(chunk: string): Promise<void> {
    this.#wanted = chunk;
    this.#answered = Promise.withResolvers<void>();
    return this.#answered.promise;
  }

  take(bytes: Uint8Array): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (this.#rest.length > MAX_ANSWER_BYTES)
      throw new LongshoreError("invalid", `fluentd answered with more than ${MAX_ANSWER_BYTES} bytes`);
    for (let answer = decodeStringMap(this.#rest); answer !== undefined;) {
      this.#rest = this.#rest.subarray(answer.length);
      if (answer.map.get("ack") === this.#wanted) this.#answered.resolve();
      answer = decodeStringMap(this.#rest);
    }
  }
}
