import type { ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { FileBrowser } from "../files/file-browser.tsx";

/** What the container sees as its root, with its own changes marked; works for stopped ones too. */
export function ContainerFiles({ id }: { readonly id: string }): ReactElement {
  return (
    <FileBrowser
      label="Files of the container"
      list={(path) => call("containers.files", { id, path })}
      read={(path) => call("containers.file", { id, path })}
      save={(path) => call("containers.saveFile", { id, path })}
      upload={(path) => call("containers.upload", { id, path })}
      saveFolder={(path) => call("containers.saveFolder", { id, path })}
    />
  );
}
