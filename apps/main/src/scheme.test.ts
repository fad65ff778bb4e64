import { expect, test, vi } from "vitest";

vi.mock("electron", () => ({ net: {}, protocol: {} }));
const { fileOfRequest } = await import("./scheme.ts");

test("fileOfRequest() serves files of its folder and nothing else", () => {
  expect(fileOfRequest("app://longshore/", "/web")).toBe("/web/index.html");
  expect(fileOfRequest("app://longshore/assets/a.js", "/web")).toBe("/web/assets/a.js");
  for (const bad of [
    "app://other/index.html",
    "app://longshore/%2e%2e/%2e%2e/etc/passwd.js",
    "app://longshore/..%2f..%2fetc%2fx.js",
    "app://longshore/a%00.js",
    "app://longshore/a%5c..%5cx.js",
    "app://longshore/%zz.js",
    "app://longshore/main.ts",
    "app://longshore/etc/passwd",
  ]) {
    const file = fileOfRequest(bad, "/web");
    expect(file === undefined || file.startsWith("/web/"), `${bad} -> ${file}`).toBe(true);
  }
  expect(fileOfRequest("app://other/index.html", "/web")).toBeUndefined();
  expect(fileOfRequest("app://longshore/main.ts", "/web")).toBeUndefined();
});
