import type { Docker } from "@longshore/client";
import type { ContainerAction } from "@longshore/protocol";

const actions: Readonly<
  Record<ContainerAction, (docker: Docker, id: string, signal: AbortSignal) => Promise<unknown>>
> = {
  start: (docker, name, abortSignal) => docker.getContainer(name).start({ abortSignal }),
  stop: (docker, name, abortSignal) => docker.getContainer(name).stop({ abortSignal }),
  restart: (docker, name, abortSignal) => docker.getContainer(name).restart({ abortSignal }),
  pause: (docker, name, abortSignal) => docker.getContainer(name).pause({ abortSignal }),
  unpause: (docker, name, abortSignal) => docker.getContainer(name).unpause({ abortSignal }),
  kill: (docker, name, abortSignal) => docker.getContainer(name).kill({ abortSignal }),
};

/** Does it; an engine that says "already so" (304) has done what was asked for. */
export async function act(
  docker: Docker,
  id: string,
  action: ContainerAction,
  signal: AbortSignal,
): Promise<void> {
  try {
    await actions[action](docker, id, signal);
  } catch (error) {
    if (error instanceof Error && "statusCode" in error && error.statusCode === 304) return;
    throw error;
  }
}
