/** How syslog messages look: `unix` is what the local daemon reads from its socket. */
export type SyslogFormat = "unix" | "rfc3164" | "rfc5424" | "rfc5424micro";

export interface SyslogMessage {
  /** 0-23. */
  readonly facility: number;
  /** 0-7. */
  readonly severity: number;
  readonly timeNano: bigint;
  readonly hostname: string;
  readonly tag: string;
  readonly pid: number;
  readonly text: Uint8Array;
}

export const INFO = 6;
export const ERROR = 3;

/** Names in the order of their codes. Source: RFC 5424 6.2.1 and syslog(3). */
export const FACILITIES: readonly string[] = [
  "kern",
  "user",
  "mail",
  "daemon",
  "auth",
  "syslog",
  "lpr",
  "news",
  "uucp",
  "cron",
  "authpriv",
  "ftp",
  "",
  "",
  "",
  "",
  "local0",
  "local1",
  "local2",
  "local3",
  "local4",
  "local5",
  "local6",
  "local7",
];

/** One message without framing. Source: RFC 3164 section 4, RFC 5424 section 6; the tag is app name and message id, as Docker has it. */
export function formatSyslog(format: SyslogFormat, message: SyslogMessage): Buffer {
  const priority = `<${message.facility * 8 + message.severity}>`;
  const { hostname, tag, pid } = message;
  let header: string;
  switch (format) {
    case "unix":
      header = `${priority}${localTime(message.timeNano)} ${tag}[${pid}]: `;
      break;
    case "rfc3164":
      header = `${priority}${localTime(message.timeNano)} ${word(hostname)} ${tag}[${pid}]: `;
      break;
    case "rfc5424":
    case "rfc5424micro": {
      const time = utcTime(message.timeNano, format === "rfc5424micro");
      header = `${priority}1 ${time} ${word(hostname)} ${word(tag)} ${pid} ${word(tag)} - `;
      break;
    }
  }
  return Buffer.concat([Buffer.from(header), message.text]);
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `Jan  2 15:04:05` on the local clock. */
function localTime(timeNano: bigint): string {
  const time = new Date(Number(timeNano / 1_000_000n));
  const two = (value: number): string => String(value).padStart(2, "0");
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return `${MONTHS[time.getMonth()] ?? ""} ${String(time.getDate()).padStart(2, " ")} ${clock}`;
}

function utcTime(timeNano: bigint, hasMicros: boolean): string {
  const seconds = new Date(Number(timeNano / 1_000_000n)).toISOString().slice(0, 19);
  const micros = String((timeNano / 1000n) % 1_000_000n).padStart(6, "0");
  return `${seconds}${hasMicros ? `.${micros}` : ""}Z`;
}

/** A header field: printable ASCII without spaces, `-` for nothing. It is not shortened: receivers match on whole tags. */
function word(text: string): string {
  return text === "" ? "-" : text.replaceAll(/[^\u0021-\u007e]/g, "_");
}
