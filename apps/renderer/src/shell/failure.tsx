import { Button } from "@longshore/ui";
import type { ReactElement } from "react";
import { failureWords } from "./words.ts";

/** An error where it happened: what, why, and the next step as a button. An action of the place itself comes before a known one. */
export function Failure({
  what,
  error,
  action,
  onAction,
  onStep,
}: {
  readonly what: string;
  readonly error: unknown;
  readonly action?: string;
  readonly onAction?: () => void;
  /** Called before a known step is taken: it may lead elsewhere. */
  readonly onStep?: () => void;
}): ReactElement {
  const { what: title, why, next, step } = failureWords(what, error);
  return (
    <div className="notice" role="alert">
      <strong>{title}</strong>
      <span className="quiet">“{why}”</span>
      {next !== "" && <span>{next}</span>}
      {action !== undefined && <Button onClick={onAction}>{action}</Button>}
      {action === undefined && step !== undefined && (
        <Button
          onClick={() => {
            onStep?.();
            step.run();
          }}
        >
          {step.label}
        </Button>
      )}
    </div>
  );
}
