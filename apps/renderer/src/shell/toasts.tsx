import { Button, IconButton } from "@longshore/ui";
import { X } from "lucide-react";
import { useEffect, useRef, useState, type ReactElement } from "react";
import { create, type StoreApi, type UseBoundStore } from "zustand";
import type { Step } from "./catalogue.ts";
import { focusList } from "./keys.ts";
import { failureWords } from "./words.ts";

export interface Toast {
  readonly id: number;
  readonly title: string;
  readonly body: string;
  readonly isBad: boolean;
  /** How long it is shown, while nobody points at it or is in it; errors stay until they are read. */
  readonly lastsMs?: number;
  /** With a key that works wherever the focus is. */
  readonly action?: (Step & { readonly keyName?: string }) | undefined;
}

const SHOWN_MS = 4_000;
const HOLDING = ["pointerenter", "pointerleave", "focusin", "focusout"] as const;
let nextId = 1;

export const useToasts: UseBoundStore<StoreApi<{ readonly toasts: readonly Toast[] }>> = create<{
  readonly toasts: readonly Toast[];
}>(() => ({ toasts: [] }));

export function toast(toast: Omit<Toast, "id">): void {
  useToasts.setState(({ toasts }) => ({ toasts: [...toasts.slice(-3), { ...toast, id: nextId++ }] }));
}

export function toastFailure(what: string, error: unknown, action?: Toast["action"]): void {
  const words = failureWords(what, error);
  toast({
    title: words.what,
    body: [`“${words.why}”`, words.next].filter((part) => part !== "").join(" "),
    isBad: true,
    ...((action ?? words.step) === undefined ? {} : { action: action ?? words.step }),
  });
}

/** Does what the newest message with a key offers. */
export function undoLast(): void {
  const last = useToasts.getState().toasts.findLast((one) => one.action?.keyName !== undefined);
  if (last !== undefined) take(last);
}

function take({ id, action }: Toast): void {
  action?.run();
  dismiss(id);
}

function dismiss(id: number): void {
  const hadFocus = document.activeElement?.closest(".toasts") ?? null;
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter((one) => one.id !== id) }));
  if (hadFocus !== null) focusList();
}

/** Messages, spoken as they come; a region of its own for F6 while there are some. */
export function Toasts(): ReactElement {
  const toasts = useToasts((state) => state.toasts);
  const [isHeld, setHeld] = useState(false);
  const region = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const place = region.current;
    const hold = (): void => setHeld(place?.matches(":hover, :focus-within") === true);
    // A message that goes takes the pointer or the focus along without a word.
    hold();
    for (const name of HOLDING) place?.addEventListener(name, hold);
    return () => {
      for (const name of HOLDING) place?.removeEventListener(name, hold);
    };
  }, [toasts]);
  const keyed = toasts.findLast((one) => one.action?.keyName !== undefined);
  return (
    <div ref={region} className="toasts" role="status" aria-live="polite" aria-label="Messages" data-pane>
      {toasts.map((one) => (
        <ToastCard key={one.id} toast={one} isHeld={isHeld} isKeyed={one === keyed} />
      ))}
    </div>
  );
}

function ToastCard({
  toast,
  isHeld,
  isKeyed,
}: {
  readonly toast: Toast;
  readonly isHeld: boolean;
  readonly isKeyed: boolean;
}): ReactElement {
  const { id, title, body, isBad, action, lastsMs = isBad ? Infinity : SHOWN_MS } = toast;
  useEffect(() => {
    if (isHeld || lastsMs === Infinity) return;
    const timer = setTimeout(() => dismiss(id), lastsMs);
    return () => clearTimeout(timer);
  }, [id, isHeld, lastsMs]);
  return (
    <div className="toast" data-bad={isBad}>
      <div className="grow">
        <strong>{title}</strong>
        {body !== "" && <div className="quiet">{body}</div>}
      </div>
      {action !== undefined && (
        <Button onClick={() => take(toast)}>
          {action.label}
          {isKeyed && <kbd>{action.keyName}</kbd>}
        </Button>
      )}
      <IconButton label="Dismiss" onClick={() => dismiss(id)}>
        <X size={14} />
      </IconButton>
    </div>
  );
}
