import type { ReactElement, ReactNode } from "react";
import { StackGlyph } from "./stack-glyph.tsx";

/** Why a place is empty, and the one thing to do about it. */
export function EmptyState({
  title,
  children,
  action,
}: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}): ReactElement {
  return (
    <div className="empty">
      <StackGlyph strata={3} wetBytes={0} label="" />
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
      {action}
    </div>
  );
}
