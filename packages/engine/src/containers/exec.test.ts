import { expect, test } from "vitest";
import type { FakeProgram } from "#testing/runtime";
import { type FakeGround, openOnFakes, plainRequest } from "./testing.ts";

const settings = {
  AttachStdin: false,
  AttachStdout: true,
  AttachStderr: true,
  DetachKeys: "",
  Tty: false,
  Env: [],
  Cmd: ["three"],
  Privileged: false,
  User: "",
  WorkingDir: "",
};
const sleeper: FakeProgram = () => new Promise(() => {});
const programs = { sleeper, three: async () => 3 };

/** Runs one to its end. */
async function ran(ground: FakeGround, container: string, signal: AbortSignal): Promise<string> {
  const id = await ground.room.createExec(container, settings);
  await Array.fromAsync((await ground.room.startExec(id, { isDetached: false }, signal)).output);
  return id;
}

test("an exec that has ended is its container's no longer, and tells its exit code for ten minutes", async ({
  signal,
}) => {
  await using ground = await openOnFakes({ programs });
  const { room, clock } = ground;
  const { id } = await room.create(plainRequest(["sleeper"]), signal);
  await room.start(id, signal);
  const waiting = await room.createExec(id, settings);
  const ended = await ran(ground, id, signal);
  expect(room.live(id).execIds).toEqual([waiting]);
  expect(room.exec(ended)).toMatchObject({ isRunning: false, exitCode: 3 });
  clock.advance(10 * 60_000);
  await ran(ground, id, signal);
  expect(room.exec(ended).exitCode).toBe(3);
  clock.advance(1);
  const last = await ran(ground, id, signal);
  expect(() => room.exec(ended)).toThrow(/No such exec instance/);
  expect([room.exec(last).exitCode, room.exec(waiting).exitCode]).toEqual([3, null]);
});

test("who waits for an exec still learns how it ended when its container has ended, until that is removed", async ({
  signal,
}) => {
  await using ground = await openOnFakes({ programs });
  const { room } = ground;
  const { id } = await room.create(plainRequest(["sleeper"]), signal);
  await room.start(id, signal);
  const [waiting, ended] = [await room.createExec(id, settings), await ran(ground, id, signal)];
  ground.machine.end(id, 0);
  await expect.poll(() => room.live(id).execIds, { interval: 1 }).toEqual([]);
  expect(room.exec(ended).exitCode).toBe(3);
  expect(() => room.exec(waiting)).toThrow(/No such exec instance/);
  await room.remove(id, { isForced: false, hasVolumes: false }, signal);
  expect(() => room.exec(ended)).toThrow(/No such exec instance/);
});
