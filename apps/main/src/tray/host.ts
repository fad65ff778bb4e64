import { execFile } from "node:child_process";
import { promisify } from "node:util";

type Run = (program: string, args: readonly string[]) => Promise<string>;
type Environment = Readonly<Record<string, string | undefined>>;

const WATCHER = "org.kde.StatusNotifierWatcher";
const LIMIT_MS = 2_000;

/**
 * Whether a tray icon would be seen. On Linux an icon without a host is drawn nowhere, and a window hidden in it could not be brought
 * back: so the desktop is asked whether anybody keeps the StatusNotifierItem watcher (freedesktop.org StatusNotifierItem).
 */
export async function hasTrayHost(
  platform: NodeJS.Platform = process.platform,
  env: Environment = process.env,
  run: Run = runProgram,
): Promise<boolean> {
  if (platform !== "linux") return true;
  if (!env["DBUS_SESSION_BUS_ADDRESS"]) return false;
  const question = [
    "call",
    "--session",
    "--dest",
    "org.freedesktop.DBus",
    "--object-path",
    "/org/freedesktop/DBus",
  ];
  try {
    const answer = await run("gdbus", [
      ...question,
      "--method",
      "org.freedesktop.DBus.NameHasOwner",
      WATCHER,
    ]);
    return answer.includes("true");
  } catch {
    // No gdbus, no bus, no answer in time: nobody who would show an icon.
    return false;
  }
}

async function runProgram(program: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { timeout: LIMIT_MS })).stdout;
}
