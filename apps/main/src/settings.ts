import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Settings } from "@longshore/protocol";

const DEFAULTS: Settings = { theme: "system", density: "default", staysInTray: false };

/** The window's own settings: a small JSON file, written whole and renamed into place. */
export class SettingsFile {
  value: Settings;
  readonly #path: string;

  private constructor(path: string, value: Settings) {
    this.#path = path;
    this.value = value;
  }

  /** A missing or damaged file means defaults: settings are never worth a failed start. */
  static async open(path: string): Promise<SettingsFile> {
    try {
      return new SettingsFile(path, {
        ...DEFAULTS,
        ...parseSettings(JSON.parse(await readFile(path, "utf8"))),
      });
    } catch {
      return new SettingsFile(path, DEFAULTS);
    }
  }

  async write(change: Partial<Settings>): Promise<Settings> {
    this.value = { ...this.value, ...change };
    await mkdir(dirname(this.#path), { recursive: true });
    await writeFile(`${this.#path}.new`, JSON.stringify(this.value));
    await rename(`${this.#path}.new`, this.#path);
    return this.value;
  }
}

/** Keeps the known fields with known values; the rest is dropped. */
export function parseSettings(value: unknown): Partial<Settings> {
  const found: { -readonly [K in keyof Settings]?: Settings[K] } = {};
  if (typeof value !== "object" || value === null) return found;
  const { theme, density, staysInTray } = value as Readonly<Record<string, unknown>>;
  if (theme === "system" || theme === "light" || theme === "dark") found.theme = theme;
  if (density === "compact" || density === "default" || density === "roomy") found.density = density;
  if (typeof staysInTray === "boolean") found.staysInTray = staysInTray;
  return found;
}
