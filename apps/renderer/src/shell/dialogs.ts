import type { ContainerSummary, ImageSummary, TrashEntry } from "@longshore/protocol";
import { create, type StoreApi, type UseBoundStore } from "zustand";

/** The dialogs that any place may open: buttons, keys and the palette all ask here. */
export type DialogRequest =
  | { readonly kind: "palette" }
  | { readonly kind: "help" }
  | { readonly kind: "run"; readonly image: string }
  | { readonly kind: "pull"; readonly reference: string }
  | { readonly kind: "create-volume" }
  | { readonly kind: "create-network" }
  | { readonly kind: "remove-container"; readonly container: ContainerSummary }
  | { readonly kind: "remove-image"; readonly image: ImageSummary }
  | { readonly kind: "remove-volume"; readonly name: string }
  /** A restore that was refused since a name is taken. */
  | {
      readonly kind: "restore";
      readonly entry: Pick<TrashEntry, "id" | "kind" | "name">;
      readonly refusal: unknown;
    }
  | { readonly kind: "delete-forever"; readonly entry: TrashEntry }
  | { readonly kind: "empty-trash" };

export const useDialog: UseBoundStore<StoreApi<{ readonly request: DialogRequest | undefined }>> = create<{
  readonly request: DialogRequest | undefined;
}>(() => ({ request: undefined }));

export function openDialog(request: DialogRequest): void {
  useDialog.setState({ request });
}

export function closeDialog(): void {
  useDialog.setState({ request: undefined });
}
