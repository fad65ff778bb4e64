import { Button, EmptyState } from "@longshore/ui";
import { useEffect, useRef, type ReactElement, type ReactNode } from "react";
import { refresh } from "../world/feed.ts";
import { useWorld, type Kind } from "../world/store.ts";
import { Failure } from "./failure.tsx";
import { isTyping } from "./keys.ts";

/** A page that lists one kind of object: title, filter, actions, and the four ways of being empty. */
export function ListPage({
  kind,
  title,
  filter,
  onFilter,
  onArrowDown,
  total,
  shown,
  actions,
  empty,
  above,
  children,
}: {
  readonly kind: Kind;
  readonly title: string;
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
  /** From the filter into the list. */
  readonly onArrowDown?: () => void;
  readonly total: number;
  readonly shown: number;
  readonly actions: ReactNode;
  /** What to show while there is nothing at all. */
  readonly empty: ReactNode;
  readonly above?: ReactNode;
  readonly children: ReactNode;
}): ReactElement {
  const isLoaded = useWorld((world) => world.loaded.has(kind));
  const failure = useWorld((world) => world.loadErrors[kind]);
  const filterInput = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "/" || isTyping(event.target)) return;
      event.preventDefault();
      filterInput.current?.focus();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <section className="list" aria-label={title} data-pane>
      <header className="toolbar">
        <h1>{title}</h1>
        <input
          ref={filterInput}
          className="input filter"
          type="search"
          placeholder="Filter  /"
          aria-label={`Filter ${title.toLowerCase()}`}
          value={filter}
          onChange={(event) => onFilter(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") onFilter("");
            if (event.key !== "ArrowDown") return;
            event.preventDefault();
            onArrowDown?.();
          }}
        />
        {actions}
      </header>
      {above}
      {failure !== undefined && (
        <Failure
          what={`Couldn’t list the ${title.toLowerCase()}`}
          error={failure}
          action="Try again"
          onAction={() => refresh([kind])}
        />
      )}
      {isLoaded && total === 0 && empty}
      {isLoaded && total > 0 && shown === 0 && (
        <EmptyState
          title="Nothing fits the filter"
          action={<Button onClick={() => onFilter("")}>Clear filter</Button>}
        >
          {total === 1 ? "One is" : `All ${total} are`} hidden by “{filter}”.
        </EmptyState>
      )}
      {shown > 0 && children}
    </section>
  );
}
