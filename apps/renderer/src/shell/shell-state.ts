import { create, type StoreApi, type UseBoundStore } from "zustand";

/** How the window is laid out now. */
export interface ShellState {
  readonly isDetailFull: boolean;
}

export const useShell: UseBoundStore<StoreApi<ShellState>> = create<ShellState>(() => ({
  isDetailFull: false,
}));
