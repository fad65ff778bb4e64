import { Dialog } from "@longshore/ui";
import type { ReactElement } from "react";
import { shortcuts } from "./keys.ts";

/** All shortcuts by where they work. */
export function HelpSheet({ onClose }: { readonly onClose: () => void }): ReactElement {
  return (
    <Dialog title="Keyboard" isWide onClose={onClose}>
      <div className="help">
        {shortcuts.map(({ where, keys }) => (
          <section key={where}>
            <h3>{where}</h3>
            <dl className="help-keys">
              {keys.map((one) => (
                <div key={one.keys} className="contents">
                  <dt>
                    <kbd>{one.keys}</kbd>
                  </dt>
                  <dd>{one.does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
