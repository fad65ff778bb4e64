import type { ContainerInspect } from "@longshore/protocol";
import { formatAge } from "@longshore/ui";

const SIGNALS: Readonly<Record<number, string>> = {
  129: "it was hung up (SIGHUP)",
  130: "it was interrupted (SIGINT)",
  134: "it aborted (SIGABRT)",
  137: "it was killed (SIGKILL)",
  139: "it crashed (SIGSEGV)",
  143: "it was asked to end (SIGTERM)",
};

/** The state as a sentence: what happened, when, and what the exit code means. */
export function stateStory(
  { State: state }: Pick<ContainerInspect, "State">,
  nowMs: number = Date.now(),
): string {
  const since = (time: string): string => formatAge(Date.parse(time), nowMs);
  switch (state.Status) {
    case "running":
      return `Running for ${since(state.StartedAt)}${healthWords(state.Health?.Status)}.`;
    case "paused":
      return `Paused; started ${since(state.StartedAt)} ago.`;
    case "created":
      return state.Error === "" ? "Created, never started." : `Created; its start failed: ${state.Error}`;
    case "restarting":
      return `Restarting after exit code ${state.ExitCode}.`;
    case "exited": {
      const ago = `${since(state.FinishedAt)} ago`;
      if (state.OOMKilled) return `Ended ${ago}: it ran out of memory.`;
      if (state.ExitCode === 0) return `Ended ${ago} with success (exit code 0).`;
      return `Ended ${ago} with exit code ${state.ExitCode}: ${exitMeaning(state.ExitCode)}.`;
    }
    default:
      return `State: ${state.Status}.`;
  }
}

function exitMeaning(code: number): string {
  if (code === 125) return "the engine could not run it";
  if (code === 126) return "its program may not be executed";
  if (code === 127) return "its program was not found";
  return SIGNALS[code] ?? "its program reported a failure";
}

function healthWords(status: string | undefined): string {
  return status === undefined || status === "none" ? "" : `, ${status}`;
}
