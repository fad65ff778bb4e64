import type { FileContent, LayerFile, SavedFile, UploadedFiles } from "@longshore/protocol";
import { Button, formatBytes, formatMode, IconButton } from "@longshore/ui";
import { X } from "lucide-react";
import { useCallback, useEffect, useState, type KeyboardEvent, type ReactElement } from "react";
import { Failure } from "../../shell/failure.tsx";
import { toast, toastFailure } from "../../shell/toasts.tsx";
import { FileToolbar } from "./file-toolbar.tsx";
import { FileView } from "./file-view.tsx";
import { baseName, visibleRows, type Folder } from "./tree.ts";

export interface FileSource {
  readonly label: string;
  readonly list: (
    path: string,
  ) => Promise<{ readonly entries: readonly LayerFile[]; readonly isCut?: boolean }>;
  readonly read?: (path: string, file: LayerFile) => Promise<FileContent>;
  readonly save?: (path: string, file: LayerFile) => Promise<SavedFile | null>;
  /** Only where files can be put: a person chooses them, the answer names them. */
  readonly upload?: (folder: string) => Promise<UploadedFiles | null>;
  readonly saveFolder?: (folder: string) => Promise<SavedFile | null>;
}

const MARKS = { added: "A", modified: "M", deleted: "D", unchanged: "" } as const;

/** A tree that asks for a directory when it is opened, and a file beside it as text or hex. */
export function FileBrowser({ label, list, read, save, upload, saveFolder }: FileSource): ReactElement {
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
    await tellSaved(`Couldn’t save ${baseName(file.path)}`, save?.(file.path, file));
  };
  const folder = folderOf(rows.find((row) => row.file.path === focused)?.file);
  const uploadHere = async (): Promise<void> => {
    try {
      const done = (await upload?.(folder)) ?? null;
      if (done === null) return;
      toast({ title: `Put ${done.names.join(", ")} into ${folder}`, body: "", isBad: false });
      setOpen((old) => new Set(old).add(folder));
      load(folder);
    } catch (error) {
      toastFailure(`Couldn’t put it into ${folder}`, error);
    }
  };

  return (
    <div className="files">
      {upload !== undefined && (
        <FileToolbar
          folder={folder}
          onUpload={() => void uploadHere()}
          onSaveFolder={() => void tellSaved(`Couldn’t save ${folder}`, saveFolder?.(folder))}
          onRefresh={() => {
            for (const path of folders.keys()) load(path);
          }}
        />
      )}
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
              <Button className="small" onClick={() => void saveChosen(chosen)}>
                Save…
              </Button>
            )}
            <IconButton className="small" label="Close the file" onClick={() => setChosen(undefined)}>
              <X size={14} />
            </IconButton>
          </header>
          {read === undefined || chosen.type !== "file" || chosen.change === "deleted" ? (
            <p className="pad dim">{whyNot(chosen, read !== undefined)}</p>
          ) : (
            <FileView key={chosen.path} path={chosen.path} read={(path) => read(path, chosen)} />
          )}
        </section>
      )}
    </div>
  );
}

async function tellSaved(failed: string, work: Promise<SavedFile | null> | undefined): Promise<void> {
  try {
    const saved = await work;
    if (saved) toast({ title: `Saved ${saved.name}`, body: formatBytes(saved.sizeBytes), isBad: false });
  } catch (error) {
    toastFailure(failed, error);
  }
}

/** The folder that a row stands for: itself or its parent. */
function folderOf(file: LayerFile | undefined): string {
  if (file === undefined) return "/";
  if (file.type === "directory" && file.change !== "deleted") return file.path;
  return file.path.slice(0, file.path.lastIndexOf("/")) || "/";
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
