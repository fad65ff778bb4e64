import { Button } from "@longshore/ui";
import type { ReactElement } from "react";
import { failureWords } from "./words.ts";

/** An error where it happened: what, why, and the next step as a button. */
export function Failure({
  what,
  error,
  action,
  onAction,
}: {
  readonly what: string;
  readonly error: unknown;
  readonly action?: string;
  readonly onAction?: () => void;
}): ReactElement {
  const words = failureWords(what, error);
  return (
    <div className="notice" role="alert">
      <strong>{words.what}</strong>
      <span className="quiet">“{words.why}”</span>
      {words.next !== "" && <span>{words.next}</span>}
      {action !== undefined && <Button onClick={onAction}>{action}</Button>}
    </div>
  );
}
