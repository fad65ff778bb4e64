import { Dialog } from "@longshore/ui";
import type { ReactElement } from "react";
import { useWorld } from "../world/store.ts";
import { shortcutsOf } from "./keys.ts";
import { pageLabel } from "./rail.tsx";
import { pagesOf } from "./routes.ts";

/** All shortcuts by where they work. */
export function HelpSheet({ onClose }: { readonly onClose: () => void }): ReactElement {
  const engine = useWorld((world) => world.engine);
  return (
    <Dialog title="Keyboard" isWide onClose={onClose}>
      <div className="help" role="group" aria-label="Shortcuts" tabIndex={0}>
        {shortcutsOf(pagesOf(engine).map(pageLabel)).map(({ where, keys }) => (
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
