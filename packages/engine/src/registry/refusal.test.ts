import { expect, test } from "vitest";
import { parseReference } from "#spec";
import { noCredentials, reasonOf, refusal } from "./refusal.ts";

const error = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] });
const reference = parseReference("localhost:5000/a/b");
const pulled =
  "pull access denied for localhost:5000/a/b, repository does not exist or may require 'docker login'";

/** Status, challenge, body; then kind and words for pull and for inspect (a push has the same). */
const CASES: readonly (readonly [readonly [number, string, string], string, string, string, string])[] = [
  [
    [500, "", error("UNKNOWN", "x")],
    "unavailable",
    "received unexpected HTTP status: 500 Internal Server Error",
    "unavailable",
    "received unexpected HTTP status: 500 Internal Server Error",
  ],
  [
    [429, "", error("TOOMANYREQUESTS", "You have reached your pull rate limit.")],
    "unavailable",
    "toomanyrequests: You have reached your pull rate limit.",
    "unavailable",
    "toomanyrequests: You have reached your pull rate limit.",
  ],
  [
    [429, "", '{"details":"slow down"}'],
    "unavailable",
    "toomanyrequests: slow down",
    "unavailable",
    "toomanyrequests: slow down",
  ],
  [
    [403, "", error("DENIED", "requested access to the resource is denied")],
    "not_found",
    `${pulled}: denied: requested access to the resource is denied`,
    "forbidden",
    "denied: requested access to the resource is denied",
  ],
  [
    [401, 'Bearer realm="r",error="insufficient_scope"', error("UNAUTHORIZED", "authentication required")],
    "not_found",
    `${pulled}: denied: requested access to the resource is denied`,
    "forbidden",
    "denied: requested access to the resource is denied",
  ],
  [
    [401, 'Bearer realm="r",error="invalid_token",error_description="too\nold"', ""],
    "unauthorized",
    "unauthorized: too old",
    "unauthorized",
    "unauthorized: too old",
  ],
  [
    [401, 'Basic realm="r"', "<html>"],
    "unauthorized",
    "unauthorized: authentication required",
    "unauthorized",
    "unauthorized: authentication required",
  ],
  [
    [404, "", error("NAME_UNKNOWN", "repository name not known to registry")],
    "not_found",
    "repository localhost:5000/a/b not found: name unknown: repository name not known to registry",
    "not_found",
    "name unknown: repository name not known to registry",
  ],
  [
    [403, "", "<html>no</html>"],
    "forbidden",
    'error parsing HTTP 403 response body: no error details found in HTTP response body: "<html>no</html>"',
    "forbidden",
    'error parsing HTTP 403 response body: no error details found in HTTP response body: "<html>no</html>"',
  ],
];

test.each(CASES)("refusal() tells %j in Docker's words", (answer, pullKind, pullWords, kind, words) => {
  const [status] = answer;
  const reason = reasonOf(...answer);
  expect(refusal(reference, "pull", status, reason)).toMatchObject({ kind: pullKind, message: pullWords });
  for (const purpose of ["inspect", "push"] as const)
    expect(refusal(reference, purpose, status, reason)).toMatchObject({ kind, message: words });
});

test("reasonOf() lets nothing through that is no text, nor text without an end", () => {
  for (const body of ['{"errors":[null]}', '{"errors":[{"code":{}}]}', '{"errors":7}', "[]", "null"])
    expect(reasonOf(400, "", body)).toMatchObject({ code: "" });
  expect(reasonOf(400, "", error("X", "\u001b[31m".repeat(10_000))).text).toMatch(/^x: [\x20-\x7e]{1,300}$/);
});

test("noCredentials() names the request without its query", () => {
  expect(noCredentials("GET", "http://localhost:5000/v2/a/tags/list?n=1").message).toBe(
    'Get "http://localhost:5000/v2/a/tags/list": no basic auth credentials',
  );
});
