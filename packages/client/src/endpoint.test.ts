import { text } from "node:stream/consumers";
import { PassThrough, type Readable } from "node:stream";
import { expect, test } from "vitest";
import { requestOf } from "./endpoint.ts";

const decoded = (header: string | undefined): unknown =>
  JSON.parse(Buffer.from(header ?? "", "base64").toString());

test("options go to the query, the body, or by their words to either", () => {
  const options = { name: "n", Image: "i" };
  expect(requestOf({ method: "GET", path: "/x" }, options)).toMatchObject({
    query: options,
    body: undefined,
  });
  expect(requestOf({ method: "POST", path: "/x", takes: "body" }, options)).toMatchObject({
    query: {},
    body: options,
  });
  expect(requestOf({ method: "POST", path: "/x", takes: ["name"] }, options)).toMatchObject({
    query: { name: "n" },
    body: { Image: "i" },
  });
});

test("_query and _body win over where options would go, and a list is a body", () => {
  const explicit = { _query: { a: 1 }, _body: [2], other: 3 };
  expect(requestOf({ method: "POST", path: "/x" }, explicit)).toMatchObject({ query: { a: 1 }, body: [2] });
  expect(requestOf({ method: "POST", path: "/x", takes: "body" }, ["A=b"])).toMatchObject({
    query: {},
    body: ["A=b"],
  });
});

test("credentials go to headers only, encoded here or by the caller", () => {
  const endpoint = { method: "POST", path: "/x" } as const;
  const sent = requestOf(endpoint, { authconfig: { username: "ü?>" }, registryconfig: { "r.example": {} } });
  expect(sent.query).toEqual({});
  expect(decoded(sent.headers?.["X-Registry-Auth"])).toEqual({ username: "ü?>" });
  expect(sent.headers?.["X-Registry-Auth"]).not.toMatch(/[+/]/);
  expect(decoded(sent.headers?.["X-Registry-Config"])).toEqual({ "r.example": {} });
  expect(requestOf(endpoint, { authconfig: { key: "ready" } }).headers?.["X-Registry-Auth"]).toBe("ready");
  expect(requestOf(endpoint, { authconfig: { base64: "ready" } }).headers?.["X-Registry-Auth"]).toBe("ready");
  expect(requestOf(endpoint, { registryconfig: { base64: "r" } }).headers?.["X-Registry-Config"]).toBe("r");
});

test("defaults give way to the call's own options, and the signal is none of them", () => {
  const { signal } = new AbortController();
  const sent = requestOf(
    { method: "GET", path: "/x", defaults: { a: 1, b: 1 } },
    { b: 2, abortSignal: signal },
  );
  expect(sent).toMatchObject({ query: { a: 1, b: 2 }, signal });
});

test("an archive is sent as it is, instead of a body", async () => {
  for (const archive of [Buffer.from("tar"), new PassThrough().end("tar")]) {
    const sent = requestOf({ method: "PUT", path: "/x" }, { path: "/tmp" }, archive);
    expect(sent).toMatchObject({ query: { path: "/tmp" }, headers: { "Content-Type": "application/x-tar" } });
    expect(sent.body).toBeUndefined();
    expect(await text(sent.stream as Readable)).toBe("tar");
  }
});
