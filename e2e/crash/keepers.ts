import { Readable } from "node:stream";
import type Docker from "dockerode";
import { dockerArchive, starterRecipe } from "@longshore/testkit";

/** A container that counts for ever: it must outlive every crash, and no number may be missing. */
export interface Keeper {
  readonly id: string;
  readonly pid: number;
}

export async function loadStarter(docker: Docker, image: string): Promise<void> {
  const answer = await docker.loadImage(Readable.from([dockerArchive(starterRecipe(image))]));
  answer.resume();
  await new Promise<void>((done) => answer.once("end", () => done()));
}

export async function startKeeper(docker: Docker, image: string, cgroupParent: string): Promise<Keeper> {
  const Cmd = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; usleep 20000; done"];
  const container = await docker.createContainer({
    Image: image,
    Cmd,
    Labels: { crash: "keeper" },
    HostConfig: { CgroupParent: cgroupParent },
  });
  await container.start();
  return { id: container.id, pid: (await container.inspect()).State.Pid };
}
