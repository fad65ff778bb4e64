import { Button } from "@longshore/ui";
import { useMemo, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { toast } from "../../shell/toasts.tsx";

/** The engine's own document: searchable text, to copy or save. */
export function Inspect({ value, name }: { readonly value: object; readonly name: string }): ReactElement {
  const [query, setQuery] = useState("");
  const text = useMemo(() => JSON.stringify(value, null, 2), [value]);
  const lines = useMemo(() => {
    const wanted = query.toLowerCase();
    const all = text.split("\n");
    return wanted === "" ? all : all.filter((line) => line.toLowerCase().includes(wanted));
  }, [text, query]);
  return (
    <div className="fill">
      <div className="toolbar sub">
        <input
          className="input filter"
          type="search"
          placeholder="Only lines with…"
          aria-label="Only lines with"
          value={query}
          onChange={(event) => setQuery(event.target.value)}
        />
        <Button
          onClick={() =>
            void call("clipboard.write", { text }).then(() =>
              toast({ title: "Copied", body: "", isBad: false }),
            )
          }
        >
          Copy
        </Button>
        <Button onClick={() => void call("text.save", { suggestedName: `${name}.json`, text })}>Save…</Button>
      </div>
      <pre className="code" tabIndex={0} aria-label="Inspect document">
        {lines.join("\n")}
      </pre>
    </div>
  );
}
