import type { Settings } from "@longshore/protocol";
import { fuzzyScore } from "@longshore/ui";
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import { act } from "../features/containers/actions.ts";
import { loadChosen } from "../features/images/transfers.ts";
import { asksFirst, removeContainer } from "../features/trash/remove.ts";
import { imageName, nameOf } from "../world/derive.ts";
import { useWorld, type World } from "../world/store.ts";
import { saveSettings } from "../world/settings.ts";
import { openDialog } from "./dialogs.ts";
import { pageLabel } from "./rail.tsx";
import { go, pagesOf } from "./routes.ts";

interface Entry {
  readonly key: string;
  readonly kind: string;
  readonly text: string;
  readonly hint?: string;
  run(): void;
}

const MOST_SHOWN = 12;

const look = (change: Partial<Settings>) => (): void => void saveSettings(change);

const actions: readonly Entry[] = [
  {
    key: "run",
    kind: "Action",
    text: "Run a container…",
    run: () => openDialog({ kind: "run", image: "" }),
  },
  {
    key: "pull",
    kind: "Action",
    text: "Pull an image…",
    run: () => openDialog({ kind: "pull", reference: "" }),
  },
  { key: "load", kind: "Action", text: "Load an image from a file…", run: () => void loadChosen() },
  {
    key: "volume",
    kind: "Action",
    text: "Create a volume…",
    run: () => openDialog({ kind: "create-volume" }),
  },
  {
    key: "network",
    kind: "Action",
    text: "Create a network…",
    run: () => openDialog({ kind: "create-network" }),
  },
  { key: "light", kind: "Look", text: "Light theme", run: look({ theme: "light" }) },
  { key: "dark", kind: "Look", text: "Dark theme", run: look({ theme: "dark" }) },
  { key: "system", kind: "Look", text: "Theme as the system", run: look({ theme: "system" }) },
  { key: "compact", kind: "Look", text: "Compact rows", run: look({ density: "compact" }) },
  { key: "default", kind: "Look", text: "Default rows", run: look({ density: "default" }) },
  { key: "roomy", kind: "Look", text: "Roomy rows", run: look({ density: "roomy" }) },
  {
    key: "help",
    kind: "Help",
    text: "Keyboard shortcuts",
    hint: "?",
    run: () => openDialog({ kind: "help" }),
  },
];

function entriesOf(world: World): readonly Entry[] {
  return [
    ...pagesOf(world.engine).map((page, at) => ({
      key: `page ${page}`,
      kind: "Page",
      text: pageLabel(page),
      hint: `Ctrl+${at + 1}`,
      run: () => go({ page }),
    })),
    ...actions,
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
        {
          key: `${row.Id} restart`,
          kind: "Action",
          text: `Restart ${name}`,
          run: () => void act(row, "restart"),
        },
        {
          key: `${row.Id} remove`,
          kind: "Action",
          text: `Remove ${name}${asksFirst(row) ? "…" : ""}`,
          run: () => removeContainer(row),
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
export function Palette({ onClose }: { readonly onClose: () => void }): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const entries = useMemo(() => entriesOf(useWorld.getState()), []);
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
            <span className="cut grow">{entry.text}</span>
            {entry.hint !== undefined && <kbd>{entry.hint}</kbd>}
          </div>
        ))}
      </div>
      {found.length === 0 && <p className="pad dim">Nothing is called “{query}”.</p>}
    </dialog>
  );
}
