import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { type Clock, LongshoreError, rfc3339Nano } from "#kernel";
import { extraAttributes } from "./attributes.ts";
import { openUnixDatagram } from "./datagram-connection.ts";
import {
  BATCH_BYTES,
  type LogOptions,
  type LogSubject,
  PATIENT,
  type RemoteDriver,
  type RemoteLine,
} from "./driver.ts";
import { overDatagrams } from "./syslog.ts";
import { ERROR, INFO } from "./syslog-format.ts";
import { renderTag } from "./tag.ts";

export const JOURNALD_OPTIONS: readonly string[] = ["labels", "labels-regex", "env", "env-regex", "tag"];
export const JOURNALD_SOCKET = "/run/systemd/journal/socket";

export type JournalField = readonly [name: string, value: string | Uint8Array];

/** One entry as a datagram of the native protocol. Source: systemd, Native Journal Protocol. */
export function encodeJournalEntry(fields: readonly JournalField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => {
      const bytes = Buffer.from(value);
      if (!bytes.includes(10)) return [Buffer.from(`${name}=`), bytes, Buffer.from("\n")];
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(bytes.byteLength));
      return [Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n")];
    }),
  );
}

/** A field's name from a label's: upper case, letters, digits and underscores, none of these at the begin. */
export function journalName(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, "_")
    .replace(/^_+/, "");
}

/** What every entry of this container carries. Source: Docker Engine, journald logging driver. */
export function journalFields(options: LogOptions, subject: LogSubject): readonly JournalField[] {
  const tag = renderTag(options["tag"] ?? "{{.ID}}", subject);
  const extra = [...extraAttributes(options, subject.labels, subject.env)]
    .map(([name, value]): JournalField => [journalName(name), value])
    .filter(([name]) => name !== "");
  return [
    ["CONTAINER_ID", subject.id.slice(0, 12)],
    ["CONTAINER_ID_FULL", subject.id],
    ["CONTAINER_NAME", subject.name],
    ["CONTAINER_TAG", tag],
    ["IMAGE_NAME", subject.imageName],
    ["SYSLOG_IDENTIFIER", tag],
    ...extra,
  ];
}

/** The same after every restart of the engine, since it comes from the line's place. */
export function partId(subject: LogSubject, lineStart: number): string {
  return createHash("sha256").update(`${subject.id}:${lineStart}`).digest("hex");
}

function entryOf(line: RemoteLine, fixed: readonly JournalField[], subject: LogSubject): Buffer {
  const fields: JournalField[] = [
    ...fixed,
    ["PRIORITY", String(line.stream === "stderr" ? ERROR : INFO)],
    ["SYSLOG_TIMESTAMP", rfc3339Nano(line.timeNano)],
    ["MESSAGE", line.bytes],
  ];
  if (line.part !== undefined) {
    if (!line.part.isLast) fields.push(["CONTAINER_PARTIAL_MESSAGE", "true"]);
    fields.push(
      ["CONTAINER_PARTIAL_ID", partId(subject, line.part.lineStart)],
      ["CONTAINER_PARTIAL_ORDINAL", String(line.part.ordinal)],
      ["CONTAINER_PARTIAL_LAST", String(line.part.isLast)],
    );
  }
  return encodeJournalEntry(fields);
}

export function journaldDriver(
  options: LogOptions,
  subject: LogSubject,
  socket: string,
  clock: Clock,
): RemoteDriver {
  const fixed = journalFields(options, subject);
  return {
    name: "journald",
    // A message that was taken lies in the socket, which outlives the daemon's restart.
    isConfirming: true,
    isNeededAtStart: true,
    batchBytes: BATCH_BYTES,
    retry: PATIENT,
    connect: async () => {
      if (!existsSync(socket))
        throw new LongshoreError(
          "unavailable",
          `journald is not enabled on this host: there is no socket '${socket}'`,
        );
      return overDatagrams(openUnixDatagram(socket, clock), (line) => entryOf(line, fixed, subject));
    },
  };
}
