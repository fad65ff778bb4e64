import { expect, test } from "vitest";
import type { Container } from "./contract.ts";
import { humanSize, logDetails, logLimitOf } from "./log-options.ts";

test("logLimitOf() keeps as much as Docker's files hold together", () => {
  const limit = (Type: string, Config: Readonly<Record<string, string>> = {}) => logLimitOf({ Type, Config });
  expect(limit("json-file")).toBe(undefined);
  expect(limit("json-file", { "max-size": "10m" })).toEqual({
    capacityBytes: 10_000_000,
    stepBytes: 5_000_000,
  });
  expect(limit("json-file", { "max-size": "1k", "max-file": "3" })).toEqual({
    capacityBytes: 3000,
    stepBytes: 1000,
  });
  expect(limit("local")).toEqual({ capacityBytes: 100_000_000, stepBytes: 20_000_000 });
  expect(limit("none")?.capacityBytes).toBeGreaterThan(0);
  expect(limit("syslog")).toEqual(limit("local"));
  expect(limit("fluentd", { "cache-max-size": "1k", "cache-max-file": "3", mode: "non-blocking" })).toEqual({
    capacityBytes: 3000,
    stepBytes: 1000,
  });
});

test.for([
  ["nosuch", {}, "logger: no log driver named 'nosuch' is registered"],
  ["syslog", { color: "red" }, "unknown log opt 'color' for syslog log driver"],
  ["syslog", { "max-size": "1m" }, "unknown log opt 'max-size' for syslog log driver"],
  ["journald", { "fluentd-address": "x" }, "unknown log opt 'fluentd-address' for journald log driver"],
  ["syslog", { "syslog-facility": "moon" }, "invalid syslog facility"],
  [
    "syslog",
    { "syslog-address": "http://x" },
    "invalid syslog-address 'http://x': unsupported scheme: 'http'",
  ],
  ["syslog", { "syslog-address": "unix:///nosuch/log" }, "stat /nosuch/log: no such file or directory"],
  ["fluentd", { "fluentd-async": "maybe" }, "invalid value for fluentd-async: 'maybe', want true or false"],
  ["json-file", { mode: "fast" }, "logger: logging mode not supported: fast"],
  [
    "syslog",
    { "max-buffer-size": "1m" },
    "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
  ],
  ["json-file", { color: "red" }, "unknown log opt 'color' for json-file log driver"],
  ["none", { "max-size": "1m" }, "unknown log opt 'max-size' for none log driver"],
  ["json-file", { "max-size": "many" }, "invalid size: 'many'"],
  ["json-file", { "max-size": "0" }, "max-size must be a positive number"],
  ["local", { "max-file": "0" }, "max-file cannot be less than 1"],
] as const)("logLimitOf(%s, %o) is refused", ([Type, Config, message]) => {
  expect(() => logLimitOf({ Type, Config })).toThrow(
    expect.objectContaining({ kind: "invalid", message }) as Error,
  );
});

test("humanSize() reads decimal units in any case", () => {
  expect(["100", "1k", "1.5KB", "2M", "3 gb"].map(humanSize)).toEqual([
    100, 1000, 1500, 2_000_000, 3_000_000_000,
  ]);
});

test("logDetails() takes labels, variables and the tag, sorted and escaped", () => {
  const settings = { Labels: { app: "a b", other: "x", "io.k/v": "1" }, Env: ["MODE=dev&fast", "SECRET=y"] };
  const details = (Config: Readonly<Record<string, string>>): string =>
    logDetails({
      id: "0123456789abcdef",
      name: "web",
      imageId: "sha256:00",
      path: "sh",
      args: [],
      createdAt: "",
      settings: { ...settings, Image: "some" },
      host: { LogConfig: { Type: "json-file", Config } },
    } as unknown as Container);
  expect(details({})).toBe("");
  expect(details({ labels: "app,absent", env: "MODE", tag: "t" })).toBe("MODE=dev%26fast,app=a+b,tag=t");
  expect(details({ "labels-regex": "^io" })).toBe("io.k%2Fv=1");
  expect(details({ tag: "{{.Name}}/{{.ID}}" })).toBe("tag=web%2F0123456789ab");
  expect(() => details({ tag: "{{.Nope}}" })).toThrow("can't evaluate field Nope");
});
