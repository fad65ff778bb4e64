import { useEffect, useId, useRef, type ReactElement, type ReactNode } from "react";
import { X } from "lucide-react";
import { IconButton } from "./button.tsx";

/** A modal dialog on the native element: focus stays inside and returns, Escape closes. */
export function Dialog({
  title,
  onClose,
  children,
  foot,
  role,
  isWide = false,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly foot?: ReactNode;
  readonly role?: "alertdialog";
  readonly isWide?: boolean;
}): ReactElement {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const before = document.activeElement;
    const dialog = element.current;
    if (dialog !== null && !dialog.open) {
      dialog.showModal();
      firstStop(dialog)?.focus();
    }
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      role={role}
      className={isWide ? "wide" : ""}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header className="dialog-head">
        <h2 id={titleId} className="grow">
          {title}
        </h2>
        <IconButton label="Close" onClick={onClose}>
          <X size={16} />
        </IconButton>
      </header>
      <div className="dialog-body">{children}</div>
      {foot !== undefined && <footer className="dialog-foot">{foot}</footer>}
    </dialog>
  );
}

/** A form begins at its first field; a warning at its first button, which changes nothing. */
function firstStop(dialog: HTMLDialogElement): HTMLElement | null {
  const button = dialog.querySelector<HTMLElement>(".dialog-foot > .button");
  if (dialog.getAttribute("role") === "alertdialog") return button;
  return dialog.querySelector<HTMLElement>(".dialog-body :is(input, select, textarea)") ?? button;
}
