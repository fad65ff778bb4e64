import { formatAge } from "@longshore/ui";

/** "5 min ago", as of now; rows are painted again whenever the engine tells something. */
export function ago(sinceMs: number): string {
  return `${formatAge(sinceMs, Date.now())} ago`;
}
