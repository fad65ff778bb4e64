import { expect, test } from "vitest";
import { hasTrayHost } from "./host.ts";

const bus = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1000/bus" };

test("hasTrayHost() believes only a desktop that answers yes", async () => {
  const asked: string[] = [];
  const answer =
    (text: string) =>
    (program: string, args: readonly string[]): Promise<string> => {
      asked.push([program, ...args].join(" "));
      return Promise.resolve(text);
    };
  expect(await hasTrayHost("linux", bus, answer("(true,)"))).toBe(true);
  expect(asked[0]).toContain("NameHasOwner org.kde.StatusNotifierWatcher");
  expect(await hasTrayHost("linux", bus, answer("(false,)"))).toBe(false);
  expect(await hasTrayHost("linux", bus, () => Promise.reject(new Error("no gdbus")))).toBe(false);
});

test("hasTrayHost() asks nobody where there is no bus, and nobody outside Linux", async () => {
  const never = (): Promise<string> => Promise.reject(new Error("must not run"));
  expect(await hasTrayHost("linux", {}, never)).toBe(false);
  expect(await hasTrayHost("darwin", {}, never)).toBe(true);
});
