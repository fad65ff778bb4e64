import type { ContainerInspect } from "@longshore/protocol";
import { Button, StateMark, TabPanel, Tabs } from "@longshore/ui";
import { Pause, Play, RotateCw, Square, Trash2 } from "lucide-react";
import { lazy, Suspense, useEffect, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { DetailFrame } from "../../shell/detail-frame.tsx";
import { Failure } from "../../shell/failure.tsx";
import { Gone } from "../../shell/gone.tsx";
import { go } from "../../shell/routes.ts";
import { nameOf, stateLook } from "../../world/derive.ts";
import { useWorld } from "../../world/store.ts";
import { LogView } from "../logs/log-view.tsx";
import { asksFirst, removeContainer } from "../trash/remove.ts";
import { act } from "./actions.ts";
import { ContainerFiles } from "./files.tsx";
import { Inspect } from "./inspect.tsx";
import { Overview } from "./overview.tsx";
import { Stack } from "./row.tsx";

const TerminalTab = lazy(() => import("../terminal/terminal-tab.tsx"));

const tabs = [
  { id: "overview", label: "Overview" },
  { id: "logs", label: "Logs" },
  { id: "terminal", label: "Terminal" },
  { id: "files", label: "Files" },
  { id: "inspect", label: "Inspect" },
] as const;
type Tab = (typeof tabs)[number]["id"];

/** One container beside the list: state, actions, tabs. Asked again when the list reports a change. */
export function ContainerDetail({
  id,
  tab,
}: {
  readonly id: string;
  readonly tab: string | undefined;
}): ReactElement {
  const summary = useWorld((world) => world.containers.find((row) => row.Id === id));
  const verb = useWorld((world) => world.verbs.get(id));
  const isAsking = useWorld(() => summary === undefined || asksFirst(summary));
  const [details, setDetails] = useState<ContainerInspect>();
  const [failure, setFailure] = useState<unknown>();
  const known = tabs.find((one) => one.id === tab)?.id ?? "overview";
  const state = summary?.State;
  useEffect(() => {
    let isCurrent = true;
    call("containers.inspect", { id }).then(
      (value) => {
        if (!isCurrent) return;
        setDetails(value);
        setFailure(undefined);
      },
      (error: unknown) => isCurrent && setFailure(error),
    );
    return () => {
      isCurrent = false;
    };
  }, [id, state]);

  if (summary === undefined) return <Gone what="container" page="containers" />;
  const name = nameOf(summary);
  const isRunning = summary.State === "running";
  const isPaused = summary.State === "paused";
  return (
    <DetailFrame
      page="containers"
      label={`Container ${name}`}
      title={name}
      beside={
        <>
          <StateMark {...stateLook(summary.State, summary.Status, verb)} />
          <Stack container={summary} />
        </>
      }
      actions={
        <>
          {isRunning || isPaused ? (
            <Button disabled={verb !== undefined} onClick={() => void act(summary, "stop")}>
              <Square size={14} /> Stop
            </Button>
          ) : (
            <Button look="primary" disabled={verb !== undefined} onClick={() => void act(summary, "start")}>
              <Play size={14} /> Start
            </Button>
          )}
          <Button disabled={verb !== undefined} onClick={() => void act(summary, "restart")}>
            <RotateCw size={14} /> Restart
          </Button>
          {(isRunning || isPaused) && (
            <Button
              disabled={verb !== undefined}
              onClick={() => void act(summary, isPaused ? "unpause" : "pause")}
            >
              <Pause size={14} /> {isPaused ? "Resume" : "Pause"}
            </Button>
          )}
          <Button onClick={() => removeContainer(summary)}>
            <Trash2 size={14} /> Remove{isAsking ? "…" : ""}
          </Button>
        </>
      }
      tabs={
        <Tabs<Tab>
          label="About this container"
          choices={tabs}
          value={known}
          onChoose={(next) => go({ page: "containers", id, tab: next })}
        />
      }
    >
      {failure !== undefined && <Failure what={`Couldn’t read ${name}`} error={failure} />}
      <TabPanel label={tabs.find((one) => one.id === known)?.label ?? ""}>
        {known === "overview" && details?.Id === id && <Overview details={details} summary={summary} />}
        {known === "logs" && <LogView key={id} id={id} name={name} isRunning={isRunning} />}
        {known === "terminal" && (
          <Suspense fallback={<p className="pad dim">Opening…</p>}>
            <TerminalTab key={id} id={id} name={name} isRunning={isRunning} />
          </Suspense>
        )}
        {known === "files" && <ContainerFiles key={id} id={id} />}
        {known === "inspect" && details?.Id === id && <Inspect value={details} name={name} />}
      </TabPanel>
    </DetailFrame>
  );
}
