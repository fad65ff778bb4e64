import { Button, EmptyState } from "@longshore/ui";
import { useEffect, useState, type ReactElement } from "react";
import { go, type Page } from "./routes.ts";

/** An object that was made a moment ago is not in the list yet: that long nothing is said. */
const GRACE_MS = 600;

/** In the place of a detail whose object was removed, here or elsewhere. */
export function Gone({ what, page }: { readonly what: string; readonly page: Page }): ReactElement {
  const [isSure, setSure] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSure(true), GRACE_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <section className="detail" aria-label={`Missing ${what}`} data-pane>
      {isSure && (
        <EmptyState
          title={`This ${what} is gone`}
          action={<Button onClick={() => go({ page })}>Back to the list</Button>}
        >
          It was removed since you opened it.
        </EmptyState>
      )}
    </section>
  );
}
