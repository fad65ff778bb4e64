import { expect, test, vi } from "vitest";

vi.mock("electron", () => ({ shell: {} }));
const { isPublishedPort } = await import("./links.ts");

const containers = [
  {
    Ports: [
      { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
      { IP: "127.0.0.1", PrivatePort: 53, PublicPort: 5353, Type: "udp" },
      { PrivatePort: 443, Type: "tcp" },
    ],
  },
];

test("isPublishedPort() lets only published tcp ports of this machine through", () => {
  expect(isPublishedPort("http://localhost:8080/", containers)).toBe(true);
  expect(isPublishedPort("http://127.0.0.1:8080/x", containers)).toBe(true);
  for (const bad of [
    "http://localhost:5353/",
    "http://localhost:9999/",
    "http://evil.example:8080/",
    "http://localhost:8080@evil.example/",
    "http://user:pw@localhost:8080/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://localhost/",
    "not a url",
  ])
    expect(isPublishedPort(bad, containers), bad).toBe(false);
});
