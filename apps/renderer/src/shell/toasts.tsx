import { Button, IconButton } from "@longshore/ui";
import { X } from "lucide-react";
import type { ReactElement } from "react";
import { create, type StoreApi, type UseBoundStore } from "zustand";
import type { Step } from "./catalogue.ts";
import { failureWords } from "./words.ts";

export interface Toast {
  readonly id: number;
  readonly title: string;
  readonly body: string;
  readonly isBad: boolean;
  readonly action?: Step | undefined;
}

const SHOWN_MS = 4_000;
let nextId = 1;

export const useToasts: UseBoundStore<StoreApi<{ readonly toasts: readonly Toast[] }>> = create<{
  readonly toasts: readonly Toast[];
}>(() => ({ toasts: [] }));

export function toast(toast: Omit<Toast, "id">): void {
  const id = nextId++;
  useToasts.setState(({ toasts }) => ({ toasts: [...toasts.slice(-3), { ...toast, id }] }));
  // Errors stay until they are read.
  if (!toast.isBad) setTimeout(() => dismiss(id), SHOWN_MS);
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

function dismiss(id: number): void {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter((one) => one.id !== id) }));
}

export function Toasts(): ReactElement {
  const toasts = useToasts((state) => state.toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map((one) => (
        <div key={one.id} className="toast" data-bad={one.isBad}>
          <div className="grow">
            <strong>{one.title}</strong>
            {one.body !== "" && <div className="quiet">{one.body}</div>}
          </div>
          {one.action !== undefined && (
            <Button
              onClick={() => {
                one.action?.run();
                dismiss(one.id);
              }}
            >
              {one.action.label}
            </Button>
          )}
          <IconButton label="Dismiss" onClick={() => dismiss(one.id)}>
            <X size={14} />
          </IconButton>
        </div>
      ))}
    </div>
  );
}
