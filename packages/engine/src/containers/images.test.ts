import { expect, test } from "vitest";
import { FakeLayers } from "#testing/layers";
import { FAKE_IMAGE, openOnFakes, plainRequest } from "./testing.ts";

test("commit() adds what the container changed to its image, and keeps who it was", async ({ signal }) => {
  await using ground = await openOnFakes({ layers: new FakeLayers() });
  const { room, images } = ground;
  const { id } = await room.create(plainRequest(["sh"]), signal);
  (ground.layers as FakeLayers).change(id, { "etc/new": "text" });
  const options = { author: "ada", comment: "why", isPausing: false, config: { Env: ["A=b"] } };
  const made = await room.commit(id, { ...options, reference: "made/here" }, signal);
  const image = images.get("made/here:latest");
  expect(image).toMatchObject({ id: made, parent: images.get(FAKE_IMAGE).id, sizeBytes: 4 });
  expect(image.config).toMatchObject({
    author: "ada",
    comment: "why",
    config: { Env: ["A=b"], Cmd: ["sh"] },
  });
  expect(images.history(made)).toMatchObject([{ createdBy: "sh", comment: "why", sizeBytes: 4 }]);
  expect(ground.events.actions(id)).toEqual(["create", "commit"]);
});

test("an image that a container uses is not removed before the container", async ({ signal }) => {
  await using ground = await openOnFakes();
  const { room, images } = ground;
  const { id } = await room.create(plainRequest(["sh"]), signal);
  const removing = { isForced: false, isPruningParents: true };
  await expect(images.remove(FAKE_IMAGE, removing)).rejects.toMatchObject({
    kind: "conflict",
    message: expect.stringContaining(`container ${id.slice(0, 12)} is using`) as string,
  });
  expect((await images.prune({ isDanglingOnly: false })).removed).toEqual([]);
  await room.remove(id, { isForced: false, hasVolumes: false }, signal);
  expect(await images.remove(FAKE_IMAGE, removing)).toMatchObject([{ untagged: FAKE_IMAGE }, {}]);
});
