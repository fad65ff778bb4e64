import { expect, test } from "vitest";
import { parseProxy, proxiesOf, proxyFor, withoutSecrets } from "./proxy.ts";

const through = (url: string, no = ""): boolean =>
  proxyFor(new URL(url), { http: "http://plain:1", https: "http://secure:2", no }) !== "";

test("proxyFor() takes the proxy of the URL's scheme", () => {
  const settings = { http: "http://plain:1", https: "", no: "" };
  expect(proxyFor(new URL("http://a.example/"), settings)).toBe("http://plain:1");
  expect(proxyFor(new URL("https://a.example/"), settings)).toBe("");
});

test("proxyFor() leaves loopback alone whatever is asked for", () => {
  for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]"])
    expect(through(`http://${host}:5000/`), host).toBe(false);
  expect(through("http://localhost.example/")).toBe(true);
  expect(through("http://128.0.0.1/")).toBe(true);
});

test.each([
  ["*", "https://any.example/", false],
  ["example.com", "https://example.com/", false],
  ["example.com", "https://deep.sub.EXAMPLE.com/", false],
  ["example.com", "https://notexample.com/", true],
  [".example.com", "https://example.com/", true],
  [".example.com", "https://sub.example.com/", false],
  ["*.example.com", "https://example.com/", true],
  ["*.example.com", "https://sub.example.com/", false],
  ["example.com:5000", "https://example.com:5000/", false],
  ["example.com:5000", "https://example.com/", true],
  ["example.com:443", "https://example.com/", false],
  ["example.com:80", "http://example.com/", false],
  [":443", "https://example.com/", true],
  [" other , Example.com ", "https://example.com/", false],
  ["10.0.0.0/8", "https://10.1.2.3/", false],
  ["10.0.0.0/8", "https://11.1.2.3/", true],
  ["10.0.0.0/8", "https://ten.example/", true],
  ["10.1.2.3", "https://10.1.2.3/", false],
  ["10.1.2.3:8443", "https://10.1.2.3/", true],
  ["10.1.2.3:8443", "https://10.1.2.3:8443/", false],
  ["fd00::/8", "https://[fd12::1]/", false],
  ["fd00::/8", "https://[fe80::1]/", true],
  ["[fd12::1]:5000", "https://[fd12::1]:5000/", false],
  ["fd12::1", "https://[fd12:0::1]/", false],
  ["10.0.0.0/99", "https://10.0.0.1/", true],
  [",,", "https://example.com/", true],
])("NO_PROXY %j and %s: through a proxy %s", (no, url, expected) => {
  expect(through(url, no)).toBe(expected);
});

test("proxiesOf() prefers upper case and takes lower case", () => {
  expect(
    proxiesOf({ HTTP_PROXY: "a", http_proxy: "b", https_proxy: "c", NO_PROXY: "", no_proxy: "d" }),
  ).toEqual({
    http: "a",
    https: "c",
    no: "d",
  });
});

test("parseProxy() takes a bare host and port for HTTP and refuses what it cannot speak", () => {
  expect(parseProxy("proxy.example:3128")?.href).toBe("http://proxy.example:3128/");
  expect(parseProxy("10.0.0.1:3128")?.href).toBe("http://10.0.0.1:3128/");
  expect(parseProxy("https://proxy.example")?.href).toBe("https://proxy.example/");
  expect(parseProxy("socks5://proxy.example:1080")).toBeUndefined();
  expect(parseProxy("http://")).toBeUndefined();
});

test("withoutSecrets() hides name and password alone", () => {
  expect(withoutSecrets("http://ada:secret@proxy:1/")).toBe("http://xxxxx:xxxxx@proxy:1/");
  expect(withoutSecrets("ada:secret@proxy:1")).toBe("xxxxx:xxxxx@proxy:1");
  expect(withoutSecrets("http://proxy:1/")).toBe("http://proxy:1/");
});
