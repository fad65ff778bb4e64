import { Splitter } from "@longshore/ui";
import { lazy, Suspense, useEffect, useState, type ReactElement } from "react";
import { ContainerList } from "./features/containers/list.tsx";
import { closeDialog, openDialog, useDialog } from "./shell/dialogs.ts";
import { focusNextPane, isTyping } from "./shell/keys.ts";
import { Rail } from "./shell/rail.tsx";
import { go, pagesOf, parseRoute, useRoute, type Route } from "./shell/routes.ts";
import { useShell } from "./shell/shell-state.ts";
import { StartScreen } from "./shell/start-screen.tsx";
import { StatusBar } from "./shell/status-bar.tsx";
import { Toasts, undoLast } from "./shell/toasts.tsx";
import { useWorld } from "./world/store.ts";

const ContainerDetail = lazy(() =>
  import("./features/containers/detail.tsx").then((room) => ({ default: room.ContainerDetail })),
);
const ImageList = lazy(() =>
  import("./features/images/list.tsx").then((room) => ({ default: room.ImageList })),
);
const ImageDetail = lazy(() =>
  import("./features/images/detail.tsx").then((room) => ({ default: room.ImageDetail })),
);
const VolumeList = lazy(() =>
  import("./features/volumes/volumes.tsx").then((room) => ({ default: room.VolumeList })),
);
const VolumeDetail = lazy(() =>
  import("./features/volumes/volumes.tsx").then((room) => ({ default: room.VolumeDetail })),
);
const NetworkList = lazy(() =>
  import("./features/networks/networks.tsx").then((room) => ({ default: room.NetworkList })),
);
const NetworkDetail = lazy(() =>
  import("./features/networks/networks.tsx").then((room) => ({ default: room.NetworkDetail })),
);
const TrashPage = lazy(() =>
  import("./features/trash/trash-page.tsx").then((room) => ({ default: room.TrashPage })),
);
const EnginePage = lazy(() =>
  import("./shell/engine-page.tsx").then((room) => ({ default: room.EnginePage })),
);
const OpenDialog = lazy(() =>
  import("./shell/open-dialog.tsx").then((room) => ({ default: room.OpenDialog })),
);

/** Rail, list, detail, status bar; the start screen until an engine has answered once. */
export function App(): ReactElement {
  const route = useRoute();
  const engine = useWorld((world) => world.engine);
  const density = useWorld((world) => world.settings.density);
  const isFull = useShell((state) => state.isDetailFull);
  const dialog = useDialog((state) => state.request);
  const [listShare, setListShare] = useState(storedShare);
  useEffect(() => {
    document.documentElement.dataset["density"] = density;
  }, [density]);
  useEffect(() => {
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  const hasStarted = engine?.phase === "ready" || engine?.phase === "lost";
  if (!hasStarted) return <StartScreen engine={engine} />;
  const hasDetail = route.id !== undefined && route.page !== "engine" && route.page !== "trash";
  const isSplit = hasDetail && !isFull;
  return (
    <div className="shell">
      <Rail page={route.page} />
      <main
        className={`work ${hasDetail ? "split" : ""} ${hasDetail && isFull ? "full" : ""}`}
        style={{ ["--list-share" as string]: `${listShare}%` }}
      >
        <Suspense fallback={<div className="list" />}>
          <List route={route} />
        </Suspense>
        {isSplit && (
          <Splitter
            label="Width of the list"
            value={listShare}
            least={24}
            most={70}
            onChange={(share) => {
              setListShare(share);
              localStorage.setItem(SHARE_KEY, String(share));
            }}
          />
        )}
        {hasDetail && (
          <Suspense fallback={<div className="detail" />}>
            <Detail route={route} />
          </Suspense>
        )}
      </main>
      <StatusBar />
      <Toasts />
      {dialog !== undefined && (
        <Suspense fallback={null}>
          <OpenDialog request={dialog} onClose={closeDialog} />
        </Suspense>
      )}
    </div>
  );
}

const SHARE_KEY = "list-share";

function storedShare(): number {
  const share = Number(localStorage.getItem(SHARE_KEY));
  return share >= 24 && share <= 70 ? share : 38;
}

function onKey(event: KeyboardEvent): void {
  // A shell has uses of its own for Ctrl and a letter: there Shift must be held too.
  const isInShell = event.target instanceof HTMLElement && event.target.closest(".xterm") !== null;
  const isMod = event.metaKey || (event.ctrlKey && (!isInShell || event.shiftKey));
  const page = pagesOf(useWorld.getState().engine)[Number(event.key) - 1];
  const isInDialog = document.querySelector("dialog[open]") !== null;
  if (isMod && event.key.toLowerCase() === "k") openDialog({ kind: "palette" });
  else if (isMod && page !== undefined) go({ page });
  else if (isMod && event.key.toLowerCase() === "z" && !isTyping(event.target) && !isInDialog) undoLast();
  else if (event.key === "F6" && !isInDialog) focusNextPane(event.shiftKey ? -1 : 1);
  else if (event.key === "?" && !isTyping(event.target) && !isInDialog) openDialog({ kind: "help" });
  else if (event.key === "Escape" && !isTyping(event.target) && !isInDialog) {
    const { page: here, id } = parseRoute(window.location.hash);
    if (id === undefined) return;
    go({ page: here });
    // The row that was open takes the focus back.
    requestAnimationFrame(() =>
      document.querySelector<HTMLElement>(`[role="row"][data-id="${CSS.escape(id)}"]`)?.focus(),
    );
  } else return;
  event.preventDefault();
}

function List({ route }: { readonly route: Route }): ReactElement {
  switch (route.page) {
    case "containers":
      return <ContainerList selected={route.id} />;
    case "images":
      return <ImageList selected={route.id} />;
    case "volumes":
      return <VolumeList selected={route.id} />;
    case "networks":
      return <NetworkList selected={route.id} />;
    case "trash":
      return <TrashPage />;
    case "engine":
      return <EnginePage />;
  }
}

function Detail({ route }: { readonly route: Route }): ReactElement | null {
  const { id = "" } = route;
  switch (route.page) {
    case "containers":
      return <ContainerDetail key={id} id={id} tab={route.tab} />;
    case "images":
      return <ImageDetail key={id} id={id} tab={route.tab} />;
    case "volumes":
      return <VolumeDetail key={id} name={id} />;
    case "networks":
      return <NetworkDetail key={id} id={id} />;
    case "trash":
    case "engine":
      return null;
  }
}
