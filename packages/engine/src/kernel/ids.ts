import { randomBytes } from "node:crypto";

/** 64 lower-case hex digits, never all decimal in its first 12 (such a short id would read as a number). */
export function randomId(): string {
  for (;;) {
    const id = randomBytes(32).toString("hex");
    if (/[a-f]/.test(id.slice(0, 12))) return id;
  }
}
