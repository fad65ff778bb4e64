import { expect, test } from "vitest";
import { encodeForward } from "./fluentd.ts";
import { decodeStringMap, type Encodable, encodeMsgpack, EventTime } from "./msgpack.ts";

test.for<[string, Encodable, string]>([
  ["a short string", "abc", "a3616263"],
  ["a string of 32 bytes", "x".repeat(32), `d920${"78".repeat(32)}`],
  ["a string of 256 bytes", "x".repeat(256), `da0100${"78".repeat(256)}`],
  ["a string of 65536 bytes", "x".repeat(65_536), `db00010000${"78".repeat(65_536)}`],
  ["bytes that are no UTF-8", Uint8Array.of(0xff, 0x00), "a2ff00"],
  ["fixint", 127, "7f"],
  ["uint 8", 128, "cc80"],
  ["uint 16", 256, "cd0100"],
  ["uint 32", 65_536, "ce00010000"],
  ["uint 64", 2 ** 32, "cf0000000100000000"],
  ["array 16", Array.from({ length: 16 }, () => 1), `dc0010${"01".repeat(16)}`],
  ["a map", { a: "b" }, "81a161a162"],
  ["an event time", new EventTime(1_700_000_000_000_000_005n), "d7006553f10000000005"],
])("encodeMsgpack() writes %s", ([, value, hex]) => {
  expect(encodeMsgpack(value).toString("hex")).toBe(hex);
});

test("encodeForward() writes tag, entries and options as forward mode has them", () => {
  const entries = [[1_700_000_000_000_000_005n, { log: "hi" }]] as const;
  expect(encodeForward("t", entries, { hasNanos: false }).toString("hex")).toBe(
    "93a174" + "9192ce6553f100" + "81a36c6f67a26869" + "81a473697a6501",
  );
  expect(encodeForward("t", entries, { hasNanos: true, chunk: "c" }).toString("hex")).toBe(
    "93a174" + "9192d7006553f10000000005" + "81a36c6f67a26869" + "82a473697a6501a56368756e6ba163",
  );
});

test("decodeStringMap() waits for the rest of an answer and refuses what is none", () => {
  const answer = Buffer.from("81a361636bd90463686b31ff", "hex");
  for (let length = 0; length < 11; length++)
    expect(decodeStringMap(answer.subarray(0, length))).toBe(undefined);
  expect(decodeStringMap(answer)).toEqual({ map: new Map([["ack", "chk1"]]), length: 11 });
  expect(() => decodeStringMap(Buffer.from("c0", "hex"))).toThrow("want a map");
  expect(() => decodeStringMap(Buffer.from("8101", "hex"))).toThrow("want a string");
});
