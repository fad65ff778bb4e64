import { expect, test } from "vitest";
import { digestOf } from "#spec";
import { parseImageConfig } from "./parse-config.ts";

const rootfs = { type: "layers", diff_ids: [digestOf("layer")] };
const parse = (members: object): ReturnType<typeof parseImageConfig> =>
  parseImageConfig(
    Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", rootfs, ...members })),
    "it",
  );

test.each([
  [{ os: "windows" }, "operating system is not supported: image it is for windows"],
  [{ history: "abc" }, "history is not a list"],
  [{ history: ["abc"] }, "history holds something else than objects"],
  [{ history: [{ created: 7 }] }, "history's created is 7"],
  [{ history: [{ empty_layer: "no" }] }, 'history\'s empty_layer is "no"'],
  [{ history: [{ created_by: {} }] }, "history's created_by is {}"],
  [{ created: 5 }, "created is not a string"],
  [{ created: "soon" }, 'created is "soon", no time'],
  [{ created: "2026-99-01T00:00:00Z" }, "no time"],
  [{ author: {} }, "author is not a string"],
  [{ comment: [1] }, "comment is not a string"],
  [{ variant: 7 }, "variant is not a string"],
  [{ architecture: 7 }, "architecture is not a string"],
  [{ docker_version: true }, "docker_version is not a string"],
  [{ config: "x" }, "config is not an object"],
  [{ config: [] }, "config is not an object"],
  [{ config: { Cmd: "sh" } }, "config.Cmd is not a list of strings"],
  [{ config: { Healthcheck: "x" } }, "config.Healthcheck is not a health check"],
  [{ config: { Healthcheck: { Test: "x" } } }, "config.Healthcheck is not a health check"],
  [{ config: { Healthcheck: { Interval: "1s" } } }, "config.Healthcheck is not a health check"],
  [{ config: { StopTimeout: "1" } }, "config.StopTimeout is not a whole number"],
  [{ config: { Volumes: { "/data": 1 } } }, "config.Volumes is not an object of objects"],
  [{ config: { ExposedPorts: ["80"] } }, "config.ExposedPorts is not an object of objects"],
  [{ config: { Labels: { a: 1 } } }, "config.Labels is not an object of strings"],
  [{ rootfs: { diff_ids: ["sha512:0"] } }, "rootfs.diff_ids holds something else"],
  [{ rootfs: null }, "rootfs.diff_ids is missing"],
])("parseImageConfig() refuses %j", (members, words) => {
  expect(() => parse(members)).toThrow(
    expect.objectContaining({ kind: "invalid", message: expect.stringContaining(words) as string }),
  );
});

test("parseImageConfig() refuses what is nested too deep to be written again, and what is no JSON", () => {
  const deep = (depth: number): string =>
    `{"rootfs":{"type":"layers","diff_ids":[]},"x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  expect(() => parseImageConfig(Buffer.from(deep(100_000)), "it")).toThrow("it is nested deeper than 1000");
  expect(parseImageConfig(Buffer.from(deep(900)), "it")).toMatchObject({
    architecture: "amd64",
    os: "linux",
  });
  expect(parse({ comment: "[".repeat(5000) + '\\"' })).toMatchObject({ comment: "[".repeat(5000) + '\\"' });
  expect(() => parseImageConfig(Buffer.from("[".repeat(100)), "it")).toThrow("it is not JSON");
});

test("parseImageConfig() takes null for absent, and keeps what it doesn't know", () => {
  const config = parse({
    os: null,
    architecture: "",
    author: null,
    created: "2026-01-02T03:04:05.123456789+02:00",
    history: [null, { created: null, created_by: "x", empty_layer: true }],
    config: { Cmd: null, Labels: null, Healthcheck: { Test: ["NONE"], Interval: null } },
    "moby.buildkit.cache.v0": "kept",
  });
  expect(config).toEqual({
    architecture: "amd64",
    os: "linux",
    created: "2026-01-02T03:04:05.123456789+02:00",
    history: [{}, { created_by: "x", empty_layer: true }],
    config: { Cmd: null, Labels: null, Healthcheck: { Test: ["NONE"], Interval: null } },
    rootfs,
    "moby.buildkit.cache.v0": "kept",
  });
});
