import { expect, test } from "vitest";
import { formatSyslog, type SyslogFormat, type SyslogMessage } from "./syslog-format.ts";
import { syslogSettings } from "./syslog.ts";

const at = new Date(2026, 0, 5, 7, 8, 9);
const message: SyslogMessage = {
  facility: 16,
  severity: 6,
  timeNano: BigInt(at.getTime()) * 1_000_000n + 123_456_789n,
  hostname: "box",
  tag: "my app",
  pid: 42,
  text: Buffer.from("it's \u00fc\x00 time"),
};
const text = (format: SyslogFormat, change: Partial<SyslogMessage> = {}): string =>
  formatSyslog(format, { ...message, ...change }).toString();

test("formatSyslog() has RFC 3164's priority, local time with a padded day, host and tag", () => {
  expect(text("rfc3164")).toBe("<134>Jan  5 07:08:09 box my app[42]: it's \u00fc\x00 time");
  expect(text("unix", { facility: 3, severity: 3 })).toBe(
    "<27>Jan  5 07:08:09 my app[42]: it's \u00fc\x00 time",
  );
});

test("formatSyslog() has RFC 5424's seven header fields, none of them empty or with a space", () => {
  const time = at.toISOString().slice(0, 19);
  expect(text("rfc5424")).toBe(`<134>1 ${time}Z box my_app 42 my_app - it's \u00fc\x00 time`);
  expect(text("rfc5424micro")).toBe(`<134>1 ${time}.123456Z box my_app 42 my_app - it's \u00fc\x00 time`);
  expect(text("rfc5424", { hostname: "", tag: "" })).toContain("Z - - 42 - - it's");
});

test("formatSyslog() passes bytes on that are no UTF-8", () => {
  const raw = Uint8Array.of(0xff, 0xfe);
  expect([...formatSyslog("rfc5424", { ...message, text: raw }).subarray(-2)]).toEqual([0xff, 0xfe]);
});

test("syslogSettings() reads addresses, facilities by name and number, and counts only RFC 5424 over TLS", () => {
  expect(syslogSettings({})).toMatchObject({ address: { kind: "local" }, facility: 3, format: "unix" });
  expect(syslogSettings({ "syslog-address": "udp://[::1]", "syslog-facility": "local7" })).toMatchObject({
    address: { kind: "udp", host: "::1", port: 514 },
    facility: 23,
  });
  const tls = { "syslog-address": "tcp+tls://logs.example:6514", "syslog-tls-skip-verify": "true" };
  expect(syslogSettings({ ...tls, "syslog-format": "rfc5424", "syslog-facility": "1" })).toMatchObject({
    address: { kind: "tls", host: "logs.example", port: 6514, isVerified: false },
    facility: 1,
    isCounted: true,
  });
  expect(syslogSettings(tls).isCounted).toBe(false);
  expect(syslogSettings({ "syslog-address": "tcp://h:1", "syslog-format": "rfc5424" }).isCounted).toBe(false);
});
