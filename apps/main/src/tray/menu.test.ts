import { expect, test } from "vitest";
import { trayMenu } from "./menu.ts";

const row = (name: string, State: string): { Id: string; Names: string[]; State: string } => ({
  Id: name.padEnd(64, "0"),
  Names: [`/${name}`],
  State,
});

test("trayMenu() lists running containers first, with what can be done to each", () => {
  const menu = trayMenu({ phase: "ready" }, [row("old", "exited"), row("web", "running")]);
  expect(menu.map((entry) => entry.label)).toEqual([
    "Open Longshore",
    "1 of 2 running",
    "● web",
    "○ old",
    "Quit (the engine stays)",
  ]);
  expect(menu[2]?.below?.map((entry) => entry.label)).toEqual(["Open", "Stop", "Restart"]);
  expect(menu[3]?.below?.map((entry) => entry.label)).toEqual(["Open", "Start"]);
});

test("trayMenu() stays short, and tells when the engine is away", () => {
  const many = Array.from({ length: 20 }, (_, at) => row(`c${at}`, "running"));
  const labels = trayMenu({ phase: "ready" }, many).map((entry) => entry.label);
  expect(labels).toHaveLength(2 + 12 + 1 + 1);
  expect(labels).toContain("8 more…");
  expect(trayMenu({ phase: "lost" }, many).map((entry) => entry.label)).toEqual([
    "Open Longshore",
    "The engine is not there",
    "Quit (the engine stays)",
  ]);
});
