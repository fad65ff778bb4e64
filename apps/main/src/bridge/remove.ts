import type { Docker } from "@longshore/client";
import type { DiscardRequest, Removed } from "@longshore/protocol";

/*
 * Two ways to remove, and never the one for the other: into the trash by Longshore's own path, which no other engine has and which an
 * engine with its trash off refuses, or for good by Docker's, when the window has said so to its user.
 */

export async function removeContainer(
  docker: Docker,
  { id, force, volumes, forGood }: { id: string; force: boolean; volumes: boolean; forGood: boolean },
  abortSignal: AbortSignal,
): Promise<Removed> {
  if (!forGood)
    return await discard(
      docker,
      { kind: "container", id, isForced: force, hasVolumes: volumes },
      abortSignal,
    );
  await docker.getContainer(id).remove({ force, v: volumes, abortSignal });
  return { entry: null };
}

export async function removeImage(
  docker: Docker,
  { id, force, forGood }: { id: string; force: boolean; forGood: boolean },
  abortSignal: AbortSignal,
): Promise<Removed> {
  if (!forGood) return await discard(docker, { kind: "image", id, isForced: force }, abortSignal);
  await docker.getImage(id).remove({ force, abortSignal });
  return { entry: null };
}

export async function removeVolume(
  docker: Docker,
  { name, force, forGood }: { name: string; force: boolean; forGood: boolean },
  abortSignal: AbortSignal,
): Promise<Removed> {
  if (!forGood) return await discard(docker, { kind: "volume", id: name, isForced: force }, abortSignal);
  await docker.getVolume(name).remove({ force, abortSignal });
  return { entry: null };
}

async function discard(docker: Docker, what: DiscardRequest, abortSignal: AbortSignal): Promise<Removed> {
  const { id } = await docker.longshore.discard(what, { abortSignal });
  return { entry: id ?? null };
}
