import { expect, test } from "vitest";
import { addLine, emptyProgress, shareOf } from "./progress.ts";

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
