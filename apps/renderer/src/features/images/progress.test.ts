import { expect, test } from "vitest";
import { addLine, emptyProgress, paceOf, shareOf } from "./progress.ts";

test("addLine() keeps layers in order and takes the message apart", () => {
  const progress = [
    { id: "latest", status: "Pulling from library/alpine" },
    { id: "aa", status: "Pulling fs layer", progressDetail: {} },
    { id: "bb", status: "Waiting", progressDetail: {} },
    { id: "aa", status: "Downloading", progressDetail: { current: 50, total: 200 } },
    { id: "bb", status: "Already exists", progressDetail: {} },
    { status: "Digest: sha256:1" },
  ].reduce(addLine, emptyProgress);
  expect(progress.message).toBe("Digest: sha256:1");
  expect(progress.layers.map((layer) => [layer.id, shareOf(layer)])).toEqual([
    ["aa", 0.25],
    ["bb", 1],
  ]);
});

test("paceOf() counts downloads, not unpacking, and guesses nothing too early", () => {
  const half = [
    { id: "aa", status: "Downloading", progressDetail: { current: 500, total: 1000 } },
    { id: "bb", status: "Downloading", progressDetail: { current: 100, total: 1000 } },
  ].reduce(addLine, emptyProgress);
  expect(paceOf(half, 500)).toEqual({
    fetchedBytes: 600,
    sizeBytes: 2000,
    perSecond: undefined,
    leftSeconds: undefined,
  });
  expect(paceOf(half, 2000)).toEqual({ fetchedBytes: 600, sizeBytes: 2000, perSecond: 300, leftSeconds: 5 });
  const unpacking = [
    { id: "aa", status: "Download complete", progressDetail: {} },
    { id: "bb", status: "Extracting", progressDetail: { current: 10, total: 5000 } },
  ].reduce(addLine, half);
  expect(paceOf(unpacking, 4000)).toMatchObject({
    fetchedBytes: 2000,
    sizeBytes: 2000,
    leftSeconds: undefined,
  });
});
