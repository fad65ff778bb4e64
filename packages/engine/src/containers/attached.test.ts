import { describe, expect, test } from "vitest";
import { type FakeGround, openOnFakes, plainRequest } from "./testing.ts";

const streaming = { hasStdin: false, hasStdout: true, hasStderr: true, hasLogs: false, isStreaming: true };
const programs = {
  talker: async (process: { write(stream: "stdout", text: string): Promise<void> }) => {
    await process.write("stdout", "last words");
    return 0;
  },
};

/** A container that was attached before its start, as the docker CLI and compose do. */
async function attached(
  ground: FakeGround,
  signal: AbortSignal,
): Promise<{ id: string; output: AsyncIterator<{ readonly bytes: Uint8Array }> }> {
  const { id } = await ground.room.create(plainRequest(["talker"]), signal);
  const session = await ground.room.attach(id, streaming, signal);
  return { id, output: session.output[Symbol.asyncIterator]() };
}

describe("an attached client", () => {
  test("has all output before anybody hears of the end", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const { id, output } = await attached(ground, signal);
    const first = output.next();
    await ground.room.start(id, signal);
    const { value } = await first;
    expect(Buffer.from(value?.bytes ?? "").toString()).toBe("last words");
    // It has not asked for more: perhaps what it has is not sent yet.
    await expect.poll(() => ground.clock.waits, { interval: 1 }).toEqual([2000]);
    expect(ground.room.get(id).state.status).toBe("running");
    expect((await output.next()).done).toBe(true);
    await expect.poll(() => ground.room.get(id).state.status, { interval: 1 }).toBe("exited");
  });

  test("that doesn't read holds the end up for two seconds only", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const { id, output } = await attached(ground, signal);
    const first = output.next();
    await ground.room.start(id, signal);
    await first;
    await expect.poll(() => ground.clock.waits, { interval: 1 }).toEqual([2000]);
    ground.clock.advance(2000);
    await expect.poll(() => ground.room.get(id).state.status, { interval: 1 }).toBe("exited");
    await output.return?.();
  });
});
