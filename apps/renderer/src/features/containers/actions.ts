import type { ContainerAction, ContainerSummary } from "@longshore/protocol";
import { call } from "../../bridge/bridge.ts";
import { go } from "../../shell/routes.ts";
import { toastFailure } from "../../shell/toasts.tsx";
import { nameOf } from "../../world/derive.ts";
import { refresh } from "../../world/feed.ts";
import { useWorld, withEntry } from "../../world/store.ts";

const VERBS: Readonly<Record<ContainerAction, { readonly doing: string; readonly failed: string }>> = {
  start: { doing: "Starting…", failed: "Couldn’t start" },
  stop: { doing: "Stopping…", failed: "Couldn’t stop" },
  restart: { doing: "Restarting…", failed: "Couldn’t restart" },
  pause: { doing: "Pausing…", failed: "Couldn’t pause" },
  unpause: { doing: "Resuming…", failed: "Couldn’t resume" },
  kill: { doing: "Killing…", failed: "Couldn’t kill" },
};

/** Does it and shows the verb while it lasts; success is what the engine then reports, never assumed. */
export async function act(
  container: Pick<ContainerSummary, "Id" | "Names">,
  action: ContainerAction,
): Promise<void> {
  const { Id } = container;
  useWorld.setState(({ verbs }) => ({ verbs: withEntry(verbs, Id, VERBS[action].doing) }));
  try {
    await call("containers.act", { id: Id, action });
  } catch (error) {
    toastFailure(`${VERBS[action].failed} ${nameOf(container)}`, error, {
      label: "Show its log",
      run: () => go({ page: "containers", id: Id, tab: "logs" }),
    });
  } finally {
    useWorld.setState(({ verbs }) => ({ verbs: withEntry(verbs, Id, undefined) }));
    refresh(["containers"]);
  }
}

/** Start or stop, whichever the state allows. */
export function toggle(container: ContainerSummary): Promise<void> {
  if (container.State === "paused") return act(container, "unpause");
  return act(container, container.State === "running" || container.State === "restarting" ? "stop" : "start");
}

/** Opens a published port in the browser; the main process checks that the engine publishes it. */
export async function openPort(url: string): Promise<void> {
  try {
    await call("links.open", { url });
  } catch (error) {
    toastFailure(`Couldn’t open ${url}`, error);
  }
}
