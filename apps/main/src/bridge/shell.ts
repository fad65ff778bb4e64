import type { Docker } from "@longshore/client";

const SHELLS: readonly (readonly string[])[] = [["/bin/bash"], ["bash"], ["/bin/ash"], ["/bin/sh"], ["sh"]];

/** The best shell that runs in this container, or nothing when it has none. */
export async function detectShell(
  docker: Docker,
  id: string,
  signal: AbortSignal,
): Promise<{ readonly command: readonly string[] | null }> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(15_000)]);
  for (const shell of SHELLS) {
    const exec = await docker.getContainer(id).exec({
      Cmd: [...shell, "-c", "exit 0"],
      AttachStdout: true,
      AttachStderr: true,
      abortSignal: limit,
    });
    try {
      const stream = await exec.start({ abortSignal: limit });
      stream.resume();
      await new Promise<void>((done, fail) => {
        stream.once("end", done);
        stream.once("close", done);
        stream.once("error", fail);
      });
      const { ExitCode } = await exec.inspect({ abortSignal: limit });
      if (ExitCode === 0) return { command: shell };
    } catch (error) {
      limit.throwIfAborted();
      // The engine refuses to start a program that is not there: the next one may be.
      if (!(error instanceof Error)) throw error;
    }
  }
  return { command: null };
}
