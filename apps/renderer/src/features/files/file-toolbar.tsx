import { Button, IconButton } from "@longshore/ui";
import { Download, RefreshCw, Upload } from "lucide-react";
import type { ReactElement } from "react";

/** What can be done with the folder that has the focus. */
export function FileToolbar({
  folder,
  onUpload,
  onSaveFolder,
  onRefresh,
}: {
  readonly folder: string;
  readonly onUpload: () => void;
  readonly onSaveFolder: () => void;
  readonly onRefresh: () => void;
}): ReactElement {
  return (
    <div className="toolbar sub">
      <span className="mono cut grow" title={folder}>
        {folder}
      </span>
      <Button className="small" onClick={onUpload}>
        <Upload size={14} /> Upload here…
      </Button>
      <Button className="small" onClick={onSaveFolder}>
        <Download size={14} /> Save as tar…
      </Button>
      <IconButton className="small" label="Read again" onClick={onRefresh}>
        <RefreshCw size={14} />
      </IconButton>
    </div>
  );
}
