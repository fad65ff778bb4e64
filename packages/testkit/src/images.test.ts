import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { dockerArchive, imageIdOf, ociLayout } from "./images.ts";
import { tarOf } from "./tar.ts";

const list = (archive: Buffer): string[] =>
  execFileSync("tar", ["-tvf", "-", "--absolute-names"], { input: archive, encoding: "utf8" })
    .trim()
    .split("\n");
const layer = [{ name: "a.txt", data: "a" }];

test("tarOf() writes what GNU tar reads: kinds, long names, links, devices", () => {
  const lines = list(
    tarOf([
      { name: "d", type: "directory" },
      { name: "x".repeat(150), data: "long" },
      { name: "l", type: "symlink", linkTo: "y".repeat(120) },
      { name: "n", type: "character", device: [1, 3], mode: 0o666 },
      { name: "../up", data: "" },
    ]),
  );
  expect(lines).toHaveLength(5);
  expect(lines[0]).toMatch(/^drwxr-xr-x .* d\/$/);
  expect(lines[1]).toContain("x".repeat(150));
  expect(lines[2]).toContain(`l -> ${"y".repeat(120)}`);
  expect(lines[3]).toMatch(/^crw-rw-rw- .* 1,3 /);
  expect(lines[4]).toContain("../up");
});

test("dockerArchive() is the same for the same recipe and shares equal layers", () => {
  const recipes = [
    { reference: "a:1", layers: [layer] },
    { reference: "b:1", layers: [layer], config: { Cmd: ["x"] } },
  ];
  expect(dockerArchive(...recipes)).toEqual(dockerArchive(...recipes));
  const names = list(dockerArchive(...recipes)).map((line) => line.split(" ").at(-1));
  expect(names.filter((name) => name?.endsWith("layer.tar"))).toHaveLength(1);
  expect(names.at(-1)).toBe("manifest.json");
  expect(imageIdOf({ reference: "a:1", layers: [layer] })).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test("ociLayout() with a fault keeps the blob's name and spoils its bytes", () => {
  const recipe = { reference: "a:1", layers: [layer] };
  const names = (archive: Buffer): string[] => list(archive).map((line) => line.split(" ").at(-1) ?? "");
  expect(names(ociLayout([recipe], { firstLayer: "flip" }))).toEqual(names(ociLayout([recipe])));
  expect(ociLayout([recipe], { firstLayer: "flip" })).not.toEqual(ociLayout([recipe]));
  expect(names(ociLayout([recipe], { firstLayer: "omit" })).length).toBe(
    names(ociLayout([recipe])).length - 1,
  );
});
