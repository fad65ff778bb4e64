import { useLayoutEffect, useState, type RefObject } from "react";

export interface RowRange {
  readonly first: number;
  /** One after the last. */
  readonly end: number;
}

/** Rows of a fixed height that a view of `height` shows at `top`, with `spare` more on either side. Pixels. */
export function rowRange(
  view: { readonly top: number; readonly height: number },
  rowPx: number,
  count: number,
  spare: number,
): RowRange {
  const end = Math.min(count, Math.ceil((view.top + view.height) / rowPx) + spare);
  return { first: Math.max(0, Math.min(Math.floor(view.top / rowPx) - spare, end)), end };
}

/** The rows of `scroller` that are worth having in the page. Answers anew only when others come into view. */
export function useVisibleRows(
  scroller: RefObject<HTMLElement | null>,
  rowPx: number,
  count: number,
  spare: number,
): RowRange {
  const [range, setRange] = useState<RowRange>(() => rowRange({ top: 0, height: 0 }, rowPx, count, spare));
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const look = (): void => {
      const next = rowRange({ top: element.scrollTop, height: element.clientHeight }, rowPx, count, spare);
      setRange((old) => (old.first === next.first && old.end === next.end ? old : next));
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    const size = new ResizeObserver(look);
    size.observe(element);
    return () => {
      element.removeEventListener("scroll", look);
      size.disconnect();
    };
  }, [scroller, rowPx, count, spare]);
  // The list may have grown shorter since.
  return range.end > count ? { first: Math.min(range.first, count), end: count } : range;
}
