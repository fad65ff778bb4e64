import type { FileContent } from "@longshore/protocol";
import { formatBytes } from "@longshore/ui";
import { useEffect, useMemo, useState, type ReactElement } from "react";
import { Failure } from "../../shell/failure.tsx";
import { hexLines, isText } from "./content.ts";

const MOST_SHOWN_BYTES = 256 * 1024;

/** A file's content as text when it is text, else as hex; either can be chosen. */
export function FileView({
  path,
  read,
}: {
  readonly path: string;
  readonly read: (path: string) => Promise<FileContent>;
}): ReactElement {
  const [content, setContent] = useState<FileContent>();
  const [failure, setFailure] = useState<unknown>();
  const [form, setForm] = useState<"text" | "hex">();
  useEffect(() => {
    let isCurrent = true;
    read(path).then(
      (value) => isCurrent && setContent(value),
      (error: unknown) => isCurrent && setFailure(error),
    );
    return () => {
      isCurrent = false;
    };
    // oxlint-disable-next-line react/exhaustive-deps -- `read` is a new function at every render of the owner
  }, [path]);
  const shown = form ?? (content !== undefined && isText(content.bytes) ? "text" : "hex");
  const body = useMemo(() => {
    if (content === undefined) return "";
    const bytes = content.bytes.subarray(0, MOST_SHOWN_BYTES);
    return shown === "text" ? new TextDecoder().decode(bytes) : hexLines(bytes).join("\n");
  }, [content, shown]);
  if (failure !== undefined) return <Failure what="Couldn’t read the file" error={failure} />;
  if (content === undefined) return <p className="pad dim">Reading…</p>;
  const isCut = content.isCut || content.bytes.length > MOST_SHOWN_BYTES;
  return (
    <>
      <div className="row file-forms">
        <button
          type="button"
          className="button small"
          aria-pressed={shown === "text"}
          onClick={() => setForm("text")}
        >
          Text
        </button>
        <button
          type="button"
          className="button small"
          aria-pressed={shown === "hex"}
          onClick={() => setForm("hex")}
        >
          Hex
        </button>
        <span className="dim">
          {formatBytes(content.sizeBytes)}
          {isCut ? ", the beginning is shown" : ""}
        </span>
      </div>
      <pre className="code" tabIndex={0} aria-label={`Content of ${path}`}>
        {content.bytes.length === 0 ? "(empty)" : body}
      </pre>
    </>
  );
}
