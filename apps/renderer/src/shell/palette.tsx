import { fuzzyScore } from "@longshore/ui";
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import { act } from "../features/containers/actions.ts";
import { imageName } from "../features/images/list.tsx";
import { nameOf } from "../world/derive.ts";
import { useWorld, type World } from "../world/store.ts";
import { pageLabel } from "./rail.tsx";
import { go, pages } from "./routes.ts";

interface Entry {
  readonly key: string;
  readonly kind: string;
  readonly text: string;
  run(): void;
}

const MOST_SHOWN = 12;

function entriesOf(world: World, onRun: () => void): readonly Entry[] {
  return [
    { key: "run", kind: "Action", text: "Run a container…", run: onRun },
    ...pages.map((page) => ({
      key: `page ${page}`,
      kind: "Page",
      text: pageLabel(page),
      run: () => go({ page }),
    })),
    ...world.containers.flatMap((row) => {
      const name = nameOf(row);
      const isRunning = row.State === "running";
      const open =
        (tab: string): (() => void) =>
        () =>
          go({ page: "containers", id: row.Id, tab });
      return [
        { key: row.Id, kind: "Container", text: name, run: open("overview") },
        { key: `${row.Id} logs`, kind: "Container", text: `${name}: log`, run: open("logs") },
        { key: `${row.Id} terminal`, kind: "Container", text: `${name}: terminal`, run: open("terminal") },
        {
          key: `${row.Id} toggle`,
          kind: "Action",
          text: `${isRunning ? "Stop" : "Start"} ${name}`,
          run: () => void act(row, isRunning ? "stop" : "start"),
        },
      ];
    }),
    ...world.images.map((image) => ({
      key: image.Id,
      kind: "Image",
      text: imageName(image),
      run: () => go({ page: "images", id: image.Id }),
    })),
    ...world.volumes.map((volume) => ({
      key: `v ${volume.Name}`,
      kind: "Volume",
      text: volume.Name,
      run: () => go({ page: "volumes", id: volume.Name }),
    })),
    ...world.networks.map((network) => ({
      key: network.Id,
      kind: "Network",
      text: network.Name,
      run: () => go({ page: "networks", id: network.Id }),
    })),
  ];
}

/** Everything by a few letters: objects and actions. */
export function Palette({
  onClose,
  onRun,
}: {
  readonly onClose: () => void;
  readonly onRun: () => void;
}): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const entries = useMemo(() => entriesOf(useWorld.getState(), onRun), [onRun]);
  const found = useMemo(
    () =>
      entries
        .map((entry) => ({ entry, score: fuzzyScore(query, entry.text) }))
        .filter(({ score }) => score > 0)
        .toSorted((a, b) => (query === "" ? 0 : b.score - a.score))
        .slice(0, MOST_SHOWN)
        .map(({ entry }) => entry),
    [entries, query],
  );
  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal();
  }, []);
  const run = (entry: Entry | undefined): void => {
    if (entry === undefined) return;
    onClose();
    entry.run();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") setAt((old) => Math.min(found.length - 1, old + 1));
    else if (event.key === "ArrowUp") setAt((old) => Math.max(0, old - 1));
    else if (event.key === "Enter") run(found[at]);
    else return;
    event.preventDefault();
  };
  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Palette"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <input
        className="input"
        role="combobox"
        aria-label="Find anything"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found[at] === undefined ? undefined : `palette-${at}`}
        placeholder="Find anything or do something"
        autoFocus
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id="palette-list" role="listbox" aria-label="Results">
        {found.map((entry, index) => (
          <div
            key={entry.key}
            id={`palette-${index}`}
            role="option"
            tabIndex={-1}
            className="palette-row"
            aria-selected={index === at}
            onMouseMove={() => setAt(index)}
            onClick={() => run(entry)}
          >
            <span className="dim palette-kind">{entry.kind}</span>
            <span className="cut">{entry.text}</span>
          </div>
        ))}
      </div>
      {found.length === 0 && <p className="pad dim">Nothing is called “{query}”.</p>}
    </dialog>
  );
}
