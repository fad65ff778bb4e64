import { expect, test } from "vitest";
import { parseReference, withDefaultTag } from "#spec";
import { FakeLayers } from "#testing/layers";
import { FAKE_IMAGE, openOnFakes, plainRequest } from "./testing.ts";

test("commit() adds what the container changed to its image, and keeps who it was", async ({ signal }) => {
  await using ground = await openOnFakes({ layers: new FakeLayers() });
  const { room, images } = ground;
  const { id } = await room.create(plainRequest(["sh"]), signal);
  (ground.layers as FakeLayers).change(id, { "etc/new": "text" });
  const options = { author: "ada", comment: "why", isPausing: false, configure: () => ({ Env: ["A=b"] }) };
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

test("create() refuses an image for another platform than asked for, and warns of one that nobody asked for", async ({
  signal,
}) => {
  await using ground = await openOnFakes();
  const { room, images } = ground;
  const config = { ...images.get(FAKE_IMAGE).config, architecture: "s390x" };
  const reference = withDefaultTag(parseReference("other/machine"));
  await images.commit(images.get(FAKE_IMAGE).id, undefined, config, { reference }, signal);
  const request = plainRequest(["sh"]);
  const other = { ...request, settings: { ...request.settings, Image: "other/machine" } };
  expect((await room.create(other, signal)).warnings).toEqual([
    expect.stringMatching(
      /^The requested image's platform \(linux\/s390x\) does not match the detected host platform/,
    ),
  ]);
  const platform = { os: "linux", architecture: "s390x" };
  expect((await room.create({ ...other, platform }, signal)).warnings).toEqual([]);
  await expect(
    room.create({ ...other, platform: { os: "linux", architecture: "arm64" } }, signal),
  ).rejects.toMatchObject({
    kind: "not_found",
    message:
      "image with reference other/machine was found but its platform (linux/s390x) does not match the specified platform (linux/arm64)",
  });
});
