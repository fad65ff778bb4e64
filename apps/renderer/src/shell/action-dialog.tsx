import { Button, Dialog } from "@longshore/ui";
import { useState, type ReactElement, type ReactNode } from "react";
import { Failure } from "./failure.tsx";

/**
 * A dialog that does one thing: Cancel beside a verb, the verb's progress, and what failed with the dialog still open.
 * `onAction` gets the failure of the try before, so that a second try may be another one (by force).
 */
export function ActionDialog({
  title,
  action,
  busy,
  failed,
  isDanger = false,
  isWide = false,
  isReady = true,
  because,
  foot,
  onCheck,
  onAction,
  onClose,
  children,
}: {
  readonly title: string;
  readonly action: string | ((failure: unknown) => string);
  readonly busy: string;
  readonly failed: string;
  readonly isDanger?: boolean;
  readonly isWide?: boolean;
  readonly isReady?: boolean;
  /** A failure that is why the dialog opened. */
  readonly because?: unknown;
  readonly foot?: ReactNode;
  /** Asked before the action; false leaves the dialog as it is, its fields telling why. */
  readonly onCheck?: () => boolean;
  readonly onAction: (failure: unknown) => Promise<void>;
  readonly onClose: () => void;
  readonly children: ReactNode;
}): ReactElement {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(because);
  const run = async (): Promise<void> => {
    if (!isReady || isBusy || onCheck?.() === false) return;
    setBusy(true);
    setFailure(undefined);
    try {
      await onAction(failure);
      onClose();
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      {...(isDanger ? { role: "alertdialog" } : {})}
      isWide={isWide}
      onClose={onClose}
      foot={
        <>
          {foot}
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look={isDanger ? "danger" : "primary"}
            disabled={!isReady || isBusy}
            onClick={() => void run()}
          >
            {isBusy ? busy : typeof action === "string" ? action : action(failure)}
          </Button>
        </>
      }
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isDanger) void run();
        }}
      >
        {failure !== undefined && <Failure what={failed} error={failure} onStep={onClose} />}
        {children}
        {/* Enter in a field submits only when the form has a submit button. */}
        <button type="submit" className="hidden" tabIndex={-1} aria-hidden="true" disabled={isDanger} />
      </form>
    </Dialog>
  );
}
