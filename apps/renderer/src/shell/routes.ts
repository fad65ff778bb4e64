import type { EngineState } from "@longshore/protocol";
import { useSyncExternalStore } from "react";

export type Page = "containers" | "images" | "volumes" | "networks" | "trash" | "engine";
const pages: readonly Page[] = ["containers", "images", "volumes", "networks", "trash", "engine"];

/** The pages of an engine in the order of their numbers: only ours has a trash. */
export function pagesOf(engine: Pick<EngineState, "isLongshore"> | undefined): readonly Page[] {
  return engine?.isLongshore === true ? pages : pages.filter((page) => page !== "trash");
}

/** Where the window is: a page, perhaps one object of it, and a tab. All of it is in the address, so Back and Forward work. */
export interface Route {
  readonly page: Page;
  readonly id?: string;
  readonly tab?: string;
}

export function parseRoute(hash: string): Route {
  const [page = "", id, tab] = hash
    .replace(/^#?\/?/, "")
    .split("/")
    .map(decode);
  const known = pages.find((one) => one === page) ?? "containers";
  return { page: known, ...(id ? { id } : {}), ...(id && tab ? { tab } : {}) };
}

export function printRoute({ page, id, tab }: Route): string {
  return `#/${[page, id, tab]
    .filter((part) => part !== undefined)
    .map(encodeURIComponent)
    .join("/")}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function go(route: Route, options: { readonly replace?: boolean } = {}): void {
  const address = printRoute(route);
  if (address === window.location.hash) return;
  if (options.replace === true) {
    history.replaceState(null, "", address);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else window.location.hash = address;
}

function subscribe(onChange: () => void): () => void {
  window.addEventListener("hashchange", onChange);
  return () => window.removeEventListener("hashchange", onChange);
}

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(subscribe, () => window.location.hash));
}
