import type { ContainerSummary } from "@longshore/protocol";
import { expect, test } from "vitest";
import { listRows, publishedPorts, stateBegan, stateLook } from "./derive.ts";
import { containerSummary } from "./testing.ts";

function row(name: string, more: Partial<ContainerSummary> = {}): ContainerSummary {
  return containerSummary(name, { Id: name.padEnd(64, "0"), ...more });
}

test.each([
  ["running", "Up 2 hours", "filled", "Running"],
  ["running", "Up 2 hours (healthy)", "tick", "Healthy"],
  ["running", "Up 2 hours (unhealthy)", "triangle", "Unhealthy"],
  ["exited", "Exited (0) 3 days ago", "hollow", "Exited"],
  ["exited", "Exited (137) 3 days ago", "cross", "Exited 137"],
  ["created", "Created", "dashed", "Created"],
  ["", "", "question", "Unknown"],
])("stateLook(%s, %s) is %s and says %s", (state, status, shape, word) => {
  expect(stateLook(state, status)).toMatchObject({ shape, word });
});

test("publishedPorts() shows IPv4 and IPv6 once and gives udp no link", () => {
  expect(
    publishedPorts([
      { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
      { IP: "::", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
      { IP: "127.0.0.1", PrivatePort: 53, PublicPort: 5353, Type: "udp" },
      { PrivatePort: 443, Type: "tcp" },
    ]),
  ).toEqual([{ label: "5353 → 53/udp" }, { label: "8080 → 80", url: "http://localhost:8080/" }]);
});

test("listRows() groups by project, filters by every word and closes groups", () => {
  const rows = [
    row("web", { Labels: { "com.docker.compose.project": "shop" } }),
    row("db", { Labels: { "com.docker.compose.project": "shop" }, State: "exited" }),
    row("alone"),
  ];
  const names = (filter: string, closed: string[] = []): string[] =>
    listRows(rows, filter, new Set(closed)).map((r) =>
      r.kind === "group" ? `[${r.project}]` : (r.container.Names[0] ?? ""),
    );
  expect(names("")).toEqual(["[shop]", "/db", "/web", "/alone"]);
  expect(names("shop exited")).toEqual(["[shop]", "/db"]);
  expect(names("", ["shop"])).toEqual(["[shop]", "/alone"]);
  expect(names("nothing fits")).toEqual([]);
});

test.each([
  ["Up Less than a second", 0],
  ["Up 5 seconds", 5],
  ["Up About a minute (healthy)", 60],
  ["Up 3 hours (Paused)", 10_800],
  ["Exited (137) 2 minutes ago", 120],
  ["Exited (0) About an hour ago", 3600],
  ["Created", undefined],
])("stateBegan() reads %s", (status, seconds) => {
  expect(stateBegan(status, 1_000_000_000)).toBe(
    seconds === undefined ? undefined : 1_000_000_000 - seconds * 1000,
  );
});
