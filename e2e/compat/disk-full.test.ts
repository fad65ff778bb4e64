import { mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dockerArchive } from "@longshore/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { STARTER, until } from "./docker.ts";
import { Disk, MIB } from "./small-disk.ts";

/** An engine on a disk that is `sizeMib` large with `inodes` files. */
function smallDisk(what: string, sizeMib: number, inodes: number, body: (disk: Disk) => void): void {
  describe.skipIf(process.env["DOCKER_PEER"])(what, () => {
    const disk = new Disk();
    beforeAll(() => disk.open(sizeMib, inodes));
    afterAll(() => disk.close());
    beforeEach(() => disk.settle());
    body(disk);
  });
}

const image = (reference: string, count: number, bytes: number): Buffer =>
  dockerArchive({
    reference,
    layers: [
      Array.from({ length: count }, (_, index) => ({ name: `f${index}`, data: Buffer.alloc(bytes, index) })),
    ],
  });
const full = /no space left on device/;

smallDisk("a full disk", 48, 100_000, (disk) => {
  test("stops a load where the archive doesn't fit, and leaves nothing", async () => {
    const { code, stderr, stdout } = await disk.docker(image("ls/large:1", 1, 60 * MIB), "load");
    expect([code, stderr + stdout]).toEqual([1, expect.stringMatching(full)]);
    disk.expectNothingLeft();
  });

  test("stops a load where the unpacked layer doesn't fit, and names the layer", async () => {
    disk.fill(30);
    const { code, stderr, stdout } = await disk.docker(image("ls/large:1", 20, MIB), "load");
    expect([code, stderr + stdout]).toEqual([1, expect.stringMatching(full)]);
    expect(stderr + stdout).toMatch(/sha256:[0-9a-f]{64}/);
    disk.expectNothingLeft();
    expect((await disk.docker("", "image", "inspect", "ls/large:1")).code).toBe(1);
  });

  test("stops an import, and leaves nothing", async () => {
    disk.fill(5);
    const { code, stderr } = await disk.docker(
      image("ls/large:1", 1, 20 * MIB),
      "import",
      "-",
      "ls/imported:1",
    );
    expect([code, stderr]).toEqual([1, expect.stringMatching(full)]);
    disk.expectNothingLeft();
  });

  test("stops cp into a container and names the file; what fits is taken again afterwards", async () => {
    const name = "full-cp";
    expect((await disk.docker("", "create", "--name", name, STARTER)).code).toBe(0);
    const host = join(disk.home, "host-file");
    writeFileSync(host, Buffer.alloc(20 * MIB, 1));
    disk.fill(5);
    const { code, stderr } = await disk.docker("", "cp", host, `${name}:/copied`);
    expect([code, stderr]).toEqual([1, expect.stringMatching(full)]);
    expect(stderr).toContain("/copied");
    await disk.settle();
    expect(await disk.docker("", "cp", host, `${name}:/copied`)).toMatchObject({ code: 0 });
    expect((await disk.docker("", "rm", name)).code).toBe(0);
    disk.expectNothingLeft();
  });

  test("stops a commit, and the container can be committed once there is room", async () => {
    const name = "full-commit";
    const write = ["dd", "if=/dev/zero", "of=/data", "bs=1M", "count=8"];
    expect((await disk.docker("", "run", "--network", "none", "--name", name, STARTER, ...write)).code).toBe(
      0,
    );
    disk.fill(4);
    const { code, stderr } = await disk.docker("", "commit", name, "ls/committed:1");
    expect([code, stderr]).toEqual([1, expect.stringMatching(full)]);
    expect((await disk.docker("", "image", "inspect", "ls/committed:1")).code).toBe(1);
    await disk.settle();
    expect(await disk.docker("", "commit", name, "ls/committed:1")).toMatchObject({ code: 0, stderr: "" });
    for (const args of [
      ["rm", name],
      ["rmi", "ls/committed:1"],
    ])
      expect((await disk.docker("", ...args)).code).toBe(0);
    disk.expectNothingLeft();
  });

  test("is an error inside a container, not of the engine", { timeout: 30_000 }, async () => {
    disk.fill(3);
    const write = ["dd", "if=/dev/zero", "of=/data", "bs=1M", "count=30"];
    const { code, stderr } = await disk.docker("", "run", "--rm", "--network", "none", STARTER, ...write);
    expect([code, stderr]).toEqual([1, expect.not.stringContaining("Error response")]);
    await disk.settle();
    // The clean-up had no room either: it is tried again by itself.
    await until("the container's files to go", async () => disk.names().length === disk.before.length);
    disk.expectNothingLeft();
  });
});

smallDisk("a disk without free inodes", 48, 700, (disk) => {
  test("stops a load while it unpacks, names the file and leaves nothing", async () => {
    const { code, stderr, stdout } = await disk.docker(image("ls/many:1", 1000, 10), "load");
    expect([code, stderr + stdout]).toEqual([
      1,
      expect.stringMatching(/"f\d+".*no space left|no space left.*"f\d+"/),
    ]);
    disk.expectNothingLeft();
  });

  test("refuses a container and leaves nothing; with room again it starts", async () => {
    const { ffree } = statfsSync(disk.data);
    mkdirSync(join(disk.data, "ballast"));
    for (let index = 0; index < ffree - 2; index++)
      writeFileSync(join(disk.data, "ballast", `f${index}`), "");
    const { code, stderr } = await disk.docker("", "run", "--rm", "--network", "none", STARTER, "true");
    expect([code, stderr]).toEqual([125, expect.stringMatching(full)]);
    await disk.settle();
    disk.expectNothingLeft();
    expect((await disk.docker("", "run", "--rm", "--network", "none", STARTER, "true")).code).toBe(0);
  });
});
