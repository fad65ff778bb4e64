import { IconButton } from "@longshore/ui";
import { Maximize2, Minimize2, X } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { go, type Page } from "./routes.ts";
import { useShell } from "./shell-state.ts";

/** The pane beside a list: what it shows, what can be done to it, and its tabs. */
export function DetailFrame({
  page,
  label,
  title,
  beside,
  actions,
  tabs,
  children,
}: {
  readonly page: Page;
  readonly label: string;
  readonly title: string;
  readonly beside?: ReactNode;
  readonly actions: ReactNode;
  readonly tabs?: ReactNode;
  readonly children: ReactNode;
}): ReactElement {
  const isFull = useShell((state) => state.isDetailFull);
  return (
    <section className="detail" aria-label={label} data-pane>
      <header className={`detail-head ${tabs === undefined ? "untabbed" : ""}`}>
        <div className="row">
          <h2 className="cut" title={title}>
            {title}
          </h2>
          {beside}
          <span className="grow" />
          <IconButton
            label={isFull ? "Show the list" : "Full width"}
            onClick={() => useShell.setState({ isDetailFull: !isFull })}
          >
            {isFull ? <Minimize2 size={16} /> : <Maximize2 size={16} />}
          </IconButton>
          <IconButton label="Close details" keyName="Esc" onClick={() => go({ page })}>
            <X size={16} />
          </IconButton>
        </div>
        <div className="row detail-actions">{actions}</div>
        {tabs}
      </header>
      {children}
    </section>
  );
}
