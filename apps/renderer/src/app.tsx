import { useCallback, useEffect, useState, type ReactElement } from "react";
import { ContainerDetail } from "./features/containers/detail.tsx";
import { ContainerList, isTyping } from "./features/containers/list.tsx";
import { RunForm } from "./features/containers/run-form.tsx";
import { ImageDetail } from "./features/images/detail.tsx";
import { ImageList } from "./features/images/list.tsx";
import { NetworkDetail, NetworkList } from "./features/networks/networks.tsx";
import { VolumeDetail, VolumeList } from "./features/volumes/volumes.tsx";
import { EnginePage } from "./shell/engine-page.tsx";
import { Palette } from "./shell/palette.tsx";
import { Rail } from "./shell/rail.tsx";
import { go, pages, useRoute, type Route } from "./shell/routes.ts";
import { StartScreen } from "./shell/start-screen.tsx";
import { StatusBar } from "./shell/status-bar.tsx";
import { Toasts } from "./shell/toasts.tsx";
import { useWorld } from "./world/store.ts";

/** Rail, list, detail, status bar; the start screen until an engine has answered once. */
export function App(): ReactElement {
  const route = useRoute();
  const engine = useWorld((world) => world.engine);
  const density = useWorld((world) => world.settings.density);
  const [isFull, setFull] = useState(false);
  const [runImage, setRunImage] = useState<string>();
  const [hasPalette, setPalette] = useState(false);
  const run = useCallback((image = "") => setRunImage(image), []);

  useEffect(() => {
    document.documentElement.dataset["density"] = density;
  }, [density]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isMod = event.ctrlKey || event.metaKey;
      const page = pages[Number(event.key) - 1];
      if (isMod && event.key.toLowerCase() === "k") setPalette(true);
      else if (isMod && page !== undefined) go({ page });
      else if (
        event.key === "Escape" &&
        !isTyping(event.target) &&
        document.querySelector("dialog[open]") === null
      ) {
        const { page: here, id } = routeNow.current;
        if (id === undefined) return;
        go({ page: here });
      } else return;
      event.preventDefault();
    };
    const routeNow = { current: route };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [route]);

  const hasStarted = engine?.phase === "ready" || engine?.phase === "lost";
  if (!hasStarted) return <StartScreen engine={engine} />;
  const flip = (): void => setFull(!isFull);
  const hasDetail = route.id !== undefined && route.page !== "engine";
  return (
    <div className="shell">
      <Rail page={route.page} />
      <main className={`work ${hasDetail ? "split" : ""} ${hasDetail && isFull ? "full" : ""}`}>
        <List route={route} onRun={run} />
        {hasDetail && <Detail route={route} isFull={isFull} onFull={flip} onRun={run} />}
      </main>
      <StatusBar />
      <Toasts />
      {runImage !== undefined && <RunForm image={runImage} onClose={() => setRunImage(undefined)} />}
      {hasPalette && <Palette onClose={() => setPalette(false)} onRun={run} />}
    </div>
  );
}

function List({
  route,
  onRun,
}: {
  readonly route: Route;
  readonly onRun: (image?: string) => void;
}): ReactElement {
  switch (route.page) {
    case "containers":
      return <ContainerList selected={route.id} onRun={() => onRun()} />;
    case "images":
      return <ImageList selected={route.id} />;
    case "volumes":
      return <VolumeList selected={route.id} />;
    case "networks":
      return <NetworkList selected={route.id} />;
    case "engine":
      return <EnginePage />;
  }
}

function Detail({
  route,
  isFull,
  onFull,
  onRun,
}: {
  readonly route: Route;
  readonly isFull: boolean;
  readonly onFull: () => void;
  readonly onRun: (image?: string) => void;
}): ReactElement | null {
  const { id = "" } = route;
  switch (route.page) {
    case "containers":
      return <ContainerDetail key={id} id={id} tab={route.tab} isFull={isFull} onFull={onFull} />;
    case "images":
      return <ImageDetail key={id} id={id} tab={route.tab} isFull={isFull} onFull={onFull} onRun={onRun} />;
    case "volumes":
      return <VolumeDetail key={id} name={id} />;
    case "networks":
      return <NetworkDetail key={id} id={id} />;
    case "engine":
      return null;
  }
}
