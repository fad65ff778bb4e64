import type { ReactElement, ReactNode } from "react";
import { go, printRoute, type Route } from "./routes.ts";

/** A link to another object of the window. */
export function ObjectLink({
  to,
  children,
}: {
  readonly to: Route;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <a
      href={printRoute(to)}
      onClick={(event) => {
        event.preventDefault();
        event.stopPropagation();
        go(to);
      }}
    >
      {children}
    </a>
  );
}
