import { expect, test } from "vitest";
import { Router } from "./router.ts";

const handle = async (): Promise<void> => {};
const router = new Router([
  { method: "GET", path: "/things/{id}", takes: { query: ["size"] }, handle },
  {
    method: "DELETE",
    path: "/things/{id}",
    takes: { refusedQuery: { link: "links can't be removed" } },
    handle,
  },
]);

test("a key that is refused is refused when it asks for something, and only then", () => {
  expect(() => router.match("DELETE", "/v1.51/things/a?link=1")).toThrow(
    expect.objectContaining({ kind: "invalid", message: "links can't be removed" }) as Error,
  );
  for (const search of ["", "?link=0", "?link=", "?other=1"])
    expect(router.match("DELETE", `/things/a${search}`).parameters).toEqual({ id: "a" });
});

test.for(["/things/a%00b", "/things/a?size=%00", "/things/a?odd=1%002"])(
  "a null byte in %s is bad input, before anything is done",
  (url) => {
    expect(() => router.match("GET", url)).toThrow(
      expect.objectContaining({
        kind: "invalid",
        message: expect.stringContaining("holds a null byte") as string,
      }) as Error,
    );
  },
);
