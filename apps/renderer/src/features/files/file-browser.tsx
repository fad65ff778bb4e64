import type { FileContent, LayerFile, SavedFile } from "@longshore/protocol";
import { Button, formatBytes, formatMode } from "@longshore/ui";
import { useCallback, useEffect, useState, type KeyboardEvent, type ReactElement } from "react";
import { Failure } from "../../shell/failure.tsx";
import { toast, toastFailure } from "../../shell/toasts.tsx";
import { FileView } from "./file-view.tsx";
import { baseName, visibleRows, type Folder } from "./tree.ts";

export interface FileSource {
  readonly label: string;
  readonly list: (
    path: string,
  ) => Promise<{ readonly entries: readonly LayerFile[]; readonly isCut?: boolean }>;
  readonly read?: (path: string) => Promise<FileContent>;
  readonly save?: (path: string) => Promise<SavedFile | null>;
}

const MARKS = { added: "A", modified: "M", deleted: "D", unchanged: "" } as const;

/** A tree that asks for a directory when it is opened, and a file beside it as text or hex. */
export function FileBrowser({ label, list, read, save }: FileSource): ReactElement {
  const [folders, setFolders] = useState<ReadonlyMap<string, Folder>>(new Map());
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set(["/"]));
  const [failure, setFailure] = useState<unknown>();
  const [focused, setFocused] = useState("");
  const [chosen, setChosen] = useState<LayerFile>();

  const load = useCallback(
    (path: string): void => {
      list(path).then(
        ({ entries, isCut }) => {
          setFailure(undefined);
          setFolders((old) => new Map(old).set(path, { entries, isCut: isCut === true }));
        },
        (error: unknown) => setFailure(error),
      );
    },
    // oxlint-disable-next-line react/exhaustive-deps -- the owner gives a new key for another source
    [],
  );
  useEffect(() => load("/"), [load]);

  const rows = visibleRows(folders, open);
  const focusedPath = rows.some((row) => row.file.path === focused) ? focused : (rows[0]?.file.path ?? "");
  const flip = (path: string): void => {
    setOpen((old) => {
      const next = new Set(old);
      if (!next.delete(path)) next.add(path);
      return next;
    });
    if (!folders.has(path)) load(path);
  };
  const choose = (file: LayerFile): void => {
    if (file.type === "directory" && file.change !== "deleted") flip(file.path);
    else setChosen(file);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const at = rows.findIndex((row) => row.file.path === focusedPath);
    const row = rows[at];
    if (row === undefined) return;
    const move = (index: number): void => {
      const next = rows[Math.max(0, Math.min(rows.length - 1, index))];
      if (next === undefined) return;
      setFocused(next.file.path);
      event.currentTarget.querySelector<HTMLElement>(`[data-path="${CSS.escape(next.file.path)}"]`)?.focus();
    };
    switch (event.key) {
      case "ArrowDown":
        move(at + 1);
        break;
      case "ArrowUp":
        move(at - 1);
        break;
      case "ArrowRight":
        if (row.file.type === "directory" && !open.has(row.file.path)) flip(row.file.path);
        else move(at + 1);
        break;
      case "ArrowLeft":
        if (open.has(row.file.path)) flip(row.file.path);
        else move(rows.findLastIndex((other, index) => index < at && other.depth < row.depth));
        break;
      case "Enter":
      case " ":
        choose(row.file);
        break;
      default:
        return;
    }
    event.preventDefault();
  };
  const saveChosen = async (file: LayerFile): Promise<void> => {
    try {
      const saved = await save?.(file.path);
      if (saved) toast({ title: `Saved ${saved.name}`, body: formatBytes(saved.sizeBytes), isBad: false });
    } catch (error) {
      toastFailure(`Couldn’t save ${baseName(file.path)}`, error);
    }
  };

  return (
    <div className="files">
      <div className="file-tree" role="treegrid" aria-label={label} onKeyDown={onKeyDown} tabIndex={-1}>
        {failure !== undefined && (
          <Failure
            what="Couldn’t read the directory"
            error={failure}
            action="Try again"
            onAction={() => load("/")}
          />
        )}
        {folders.get("/")?.entries.length === 0 && <p className="pad dim">No files here.</p>}
        {rows.map(({ file, depth, isCut }) => (
          <div
            key={file.path}
            role="row"
            data-path={file.path}
            className="file-row"
            aria-level={depth + 1}
            aria-expanded={
              file.type === "directory" && file.change !== "deleted" ? open.has(file.path) : undefined
            }
            aria-selected={chosen?.path === file.path}
            aria-label={rowName(file)}
            tabIndex={file.path === focusedPath ? 0 : -1}
            onFocus={() => setFocused(file.path)}
            onClick={() => choose(file)}
          >
            <span role="gridcell" className={`file-mark change-${file.change}`}>
              {MARKS[file.change]}
            </span>
            <span
              role="gridcell"
              className={`file-name cut ${file.change === "deleted" ? "gone" : ""}`}
              style={{ paddingLeft: depth * 16 }}
            >
              <span className="dim" aria-hidden="true">
                {file.type === "directory" ? (open.has(file.path) ? "▾ " : "▸ ") : "   "}
              </span>
              {baseName(file.path)}
              {file.linkTarget !== undefined && <span className="dim"> → {file.linkTarget}</span>}
              {isCut && <span className="change-modified"> (list cut)</span>}
            </span>
            <span role="gridcell" className="mono dim file-mode">
              {formatMode(file.mode)}
            </span>
            <span role="gridcell" className="number file-size">
              {file.type === "file" ? formatBytes(file.sizeBytes) : ""}
            </span>
          </div>
        ))}
      </div>
      {chosen !== undefined && (
        <section className="file-pane" aria-label={`File ${chosen.path}`}>
          <header className="row file-head">
            <span className="mono cut grow">{chosen.path}</span>
            {save !== undefined && chosen.type === "file" && chosen.change !== "deleted" && (
              <Button onClick={() => void saveChosen(chosen)}>Save…</Button>
            )}
            <Button onClick={() => setChosen(undefined)}>Close</Button>
          </header>
          {read === undefined || chosen.type !== "file" || chosen.change === "deleted" ? (
            <p className="pad dim">{whyNot(chosen, read !== undefined)}</p>
          ) : (
            <FileView key={chosen.path} path={chosen.path} read={read} />
          )}
        </section>
      )}
    </div>
  );
}

/** What a screen reader says: the change is in the name. */
function rowName(file: LayerFile): string {
  const change = file.change === "unchanged" ? "" : `, ${file.change}`;
  const size = file.type === "file" ? `, ${formatBytes(file.sizeBytes)}` : `, ${file.type}`;
  return `${baseName(file.path)}${change}${size}`;
}

function whyNot(file: LayerFile, canRead: boolean): string {
  if (file.change === "deleted") return "This layer deletes the file: the layers below still hold it.";
  if (file.linkTarget !== undefined) return `A ${file.type} to ${file.linkTarget}.`;
  if (!canRead) return "Choose a layer to read its files.";
  return `A ${file.type} has no content to show.`;
}
