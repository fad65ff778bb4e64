import type { ContainerSummary, EngineState } from "@longshore/protocol";

const MOST_CONTAINERS = 12;

/** What the tray's menu offers, apart from Electron: so it can be tested. */
export interface TrayEntry {
  readonly label: string;
  readonly isEnabled: boolean;
  readonly does?: TrayAction;
  readonly below?: readonly TrayEntry[];
}

export type TrayAction =
  | { readonly kind: "show"; readonly id?: string }
  | { readonly kind: "quit" }
  | { readonly kind: "act"; readonly id: string; readonly action: "start" | "stop" | "restart" };

/** Engine's state, running containers first, and the way back to the window. */
export function trayMenu(
  engine: Pick<EngineState, "phase">,
  containers: readonly Pick<ContainerSummary, "Id" | "Names" | "State">[],
): readonly TrayEntry[] {
  const running = containers.filter((one) => one.State === "running");
  const ordered = [...running, ...containers.filter((one) => one.State !== "running")];
  const isReady = engine.phase === "ready";
  return [
    { label: "Open Longshore", isEnabled: true, does: { kind: "show" } },
    {
      label: isReady ? `${running.length} of ${containers.length} running` : "The engine is not there",
      isEnabled: false,
    },
    ...(isReady ? ordered.slice(0, MOST_CONTAINERS).map(containerEntry) : []),
    ...(isReady && ordered.length > MOST_CONTAINERS
      ? [
          {
            label: `${ordered.length - MOST_CONTAINERS} more…`,
            isEnabled: true,
            does: { kind: "show" as const },
          },
        ]
      : []),
    { label: "Quit (the engine stays)", isEnabled: true, does: { kind: "quit" } },
  ];
}

function containerEntry({
  Id: id,
  Names,
  State,
}: Pick<ContainerSummary, "Id" | "Names" | "State">): TrayEntry {
  const isRunning = State === "running";
  const act = (label: string, action: "start" | "stop" | "restart"): TrayEntry => ({
    label,
    isEnabled: true,
    does: { kind: "act", id, action },
  });
  return {
    label: `${isRunning ? "●" : "○"} ${(Names[0] ?? id.slice(0, 12)).replace(/^\//, "")}`,
    isEnabled: true,
    below: [
      { label: "Open", isEnabled: true, does: { kind: "show", id } },
      ...(isRunning ? [act("Stop", "stop"), act("Restart", "restart")] : [act("Start", "start")]),
    ],
  };
}
