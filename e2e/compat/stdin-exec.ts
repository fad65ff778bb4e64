import type { Docker } from "@longshore/client";
import { expect } from "vitest";
import { STARTER } from "./docker.ts";

/** Over whatever connection `api` has: an exec counts a megabyte of stdin, which ends while its answer is still to come. */
export async function execReadsStdinToItsEnd(api: Pick<Docker, "createContainer">): Promise<void> {
  const made = await api.createContainer({ Image: STARTER, Cmd: ["sleep", "600"] });
  await made.start();
  const exec = await made.exec({ Cmd: ["wc", "-c"], AttachStdin: true, AttachStdout: true });
  const stream = await exec.start({ hijack: true, stdin: true });
  stream.end(Buffer.alloc(1_000_000, "x"));
  const bytes = Buffer.concat(await stream.toArray());
  expect(bytes.subarray(8).toString()).toBe("1000000\n");
  await made.remove({ force: true });
}
