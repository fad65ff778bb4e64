import { existsSync, statSync } from "node:fs";
import os from "node:os";
import { type Clock, LongshoreError, messageOf } from "#kernel";
import { parseServerAddress } from "./address.ts";
import { type DatagramConnection, openUdp, openUnixDatagram } from "./datagram-connection.ts";
import {
  BATCH_BYTES,
  type LogOptions,
  type LogSubject,
  PATIENT,
  type RemoteConnection,
  type RemoteDriver,
  type RemoteLine,
} from "./driver.ts";
import { type StreamAddress, StreamConnection } from "./stream-connection.ts";
import { ERROR, FACILITIES, formatSyslog, INFO, type SyslogFormat } from "./syslog-format.ts";
import { renderTag } from "./tag.ts";

export const SYSLOG_OPTIONS: readonly string[] = [
  "syslog-address",
  "syslog-facility",
  "syslog-format",
  "syslog-tls-ca-cert",
  "syslog-tls-cert",
  "syslog-tls-key",
  "syslog-tls-skip-verify",
  "tag",
  "labels",
  "labels-regex",
  "env",
  "env-regex",
];

const LOCAL_SOCKETS = ["/dev/log", "/var/run/syslog", "/var/run/log"];
const SYSLOG_PORT = 514;

type Address =
  | StreamAddress
  | { readonly kind: "udp"; readonly host: string; readonly port: number }
  | { readonly kind: "unixgram"; readonly path: string }
  | { readonly kind: "local" };

interface SyslogSettings {
  readonly address: Address;
  readonly facility: number;
  readonly format: SyslogFormat;
  readonly isCounted: boolean;
}

/** Throws `invalid` for what a new container cannot have; a socket may be away later. */
export function checkSyslogOptions(options: LogOptions): void {
  const { address } = syslogSettings(options);
  if ((address.kind === "unix" || address.kind === "unixgram") && !existsSync(address.path))
    throw new LongshoreError("invalid", `stat ${address.path}: no such file or directory`);
}

/** Reads the options; throws `invalid`. Source: Docker Engine, syslog logging driver. */
export function syslogSettings(options: LogOptions): SyslogSettings {
  const address = addressOf(options);
  const format = options["syslog-format"] ?? "";
  if (!["", "rfc3164", "rfc5424", "rfc5424micro"].includes(format))
    throw new LongshoreError(
      "invalid",
      `invalid syslog format '${format}', want rfc3164, rfc5424 or rfc5424micro`,
    );
  return {
    address,
    facility: facilityOf(options["syslog-facility"]),
    format: format === "" ? "unix" : (format as SyslogFormat),
    // Over TLS each message has its length before it (RFC 5425); elsewhere it ends with its line.
    isCounted: address.kind === "tls" && format.startsWith("rfc5424"),
  };
}

function addressOf(options: LogOptions): Address {
  const text = options["syslog-address"] ?? "";
  if (text === "") return { kind: "local" };
  const schemes = ["udp", "tcp", "tcp+tls", "unix", "unixgram"];
  const { scheme, host, port, path } = parseServerAddress("syslog-address", text, schemes, {
    host: "localhost",
    port: SYSLOG_PORT,
  });
  if (scheme === "unix" || scheme === "unixgram") return { kind: scheme, path };
  if (scheme !== "tcp+tls") return { kind: scheme === "udp" ? "udp" : "tcp", host, port };
  const [caFile, certFile, keyFile] = ["syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key"].map(
    (name) => options[name],
  );
  return {
    kind: "tls",
    host,
    port,
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
    // Docker takes its presence for yes.
    isVerified: options["syslog-tls-skip-verify"] === undefined,
  };
}

function facilityOf(text: string | undefined): number {
  if (text === undefined || text === "") return FACILITIES.indexOf("daemon");
  const code = /^\d{1,2}$/.test(text) ? Number(text) : FACILITIES.indexOf(text);
  if (code < 0 || code >= FACILITIES.length) throw new LongshoreError("invalid", "invalid syslog facility");
  return code;
}

export function syslogDriver(options: LogOptions, subject: LogSubject, clock: Clock): RemoteDriver {
  const settings = syslogSettings(options);
  const tag = renderTag(options["tag"] ?? "{{.ID}}", subject);
  const format = (line: RemoteLine): Buffer =>
    formatSyslog(settings.format, {
      facility: settings.facility,
      severity: line.stream === "stderr" ? ERROR : INFO,
      timeNano: line.timeNano,
      hostname: os.hostname(),
      tag,
      pid: process.pid,
      text: line.bytes,
    });
  return {
    name: "syslog",
    isConfirming: false,
    isNeededAtStart: true,
    batchBytes: BATCH_BYTES,
    retry: PATIENT,
    connect: async (signal) => {
      const { address } = settings;
      switch (address.kind) {
        case "udp":
          return overDatagrams(await openUdp(address.host, address.port, clock, signal), format);
        case "unixgram":
          return overDatagrams(openUnixDatagram(address.path, clock), format);
        case "local":
          return await openLocal(format, clock, signal);
        case "tcp":
        case "tls":
        case "unix":
          return overStream(await StreamConnection.open(address, signal), format, settings.isCounted);
      }
    },
  };
}

/** The machine's own daemon, whichever kind of socket it has. */
async function openLocal(
  format: (line: RemoteLine) => Buffer,
  clock: Clock,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  const path = LOCAL_SOCKETS.find((place) => existsSync(place) && statSync(place).isSocket());
  if (path === undefined)
    throw new LongshoreError("unavailable", "Unix syslog delivery error: no local syslog socket was found");
  try {
    return overDatagrams(openUnixDatagram(path, clock), format);
  } catch (error) {
    if (!messageOf(error).includes("wrong type")) throw error;
    return overStream(await StreamConnection.open({ kind: "unix", path }, signal), format, false);
  }
}

/** One message a datagram. Source: RFC 5426. */
export function overDatagrams(
  connection: DatagramConnection,
  format: (line: RemoteLine) => Buffer,
): RemoteConnection {
  return {
    lost: connection.lost,
    async deliver(lines, signal) {
      let tooLarge = 0;
      for (const line of lines) if (!(await connection.send(format(line), signal))) tooLarge++;
      return tooLarge;
    },
    finish: (signal) => connection.finish(signal),
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}

/** Messages with a LF after (RFC 6587 3.4.2) or their length before each (RFC 5425 4.3). */
function overStream(
  stream: StreamConnection,
  format: (line: RemoteLine) => Buffer,
  isCounted: boolean,
): RemoteConnection {
  return {
    lost: stream.lost,
    async deliver(lines, signal) {
      const frames = lines.map((line) => {
        const message = format(line);
        return isCounted
          ? Buffer.concat([Buffer.from(`${message.byteLength} `), message])
          : Buffer.concat([message, Buffer.from("\n")]);
      });
      await stream.write(Buffer.concat(frames), signal);
      return 0;
    },
    finish: (signal) => stream.finish(signal),
    [Symbol.dispose]: () => stream[Symbol.dispose](),
  };
}
