import { useLayoutEffect, type RefObject } from "react";

/**
 * The focus of a row that goes moves to the row in its place, so that the next key has something to act on.
 * `rows` changes when rows may have gone.
 */
export function useFocusKept(
  list: RefObject<HTMLElement | null>,
  rows: readonly unknown[],
  focusAgain: () => void,
): void {
  // Read before the page changes: afterwards nobody knows who had it.
  const hadFocus = list.current?.contains(document.activeElement) === true;
  useLayoutEffect(() => {
    if (hadFocus && rows.length > 0 && document.activeElement === document.body) focusAgain();
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- a question of this change alone
  }, [rows]);
}
