import { readFileSync } from "node:fs";

/** The runtime's own sentence: the last one of its error file. */
export function runtimeError(errorFile: string, code: number): string {
  let text = "";
  try {
    text = readFileSync(errorFile, "utf8");
  } catch {
    // It died before it could say why.
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const fatal = lines.findLast((line) => /"level":\s*"(error|fatal)"/.test(line)) ?? lines.at(-1);
  if (fatal === undefined) return `the runtime ended with code ${code}`;
  try {
    const { msg } = JSON.parse(fatal) as { msg?: unknown };
    return typeof msg === "string" ? msg : fatal;
  } catch {
    return fatal;
  }
}
