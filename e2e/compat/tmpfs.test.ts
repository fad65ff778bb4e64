import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, raw, STARTER } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

test.each([
  ["1m", '["1m"]'],
  ["size=1m,", '[""]'],
  ["rw,huge=always", '["huge" "always"]'],
])("--tmpfs with %j is refused at the start, not before", async (option, words) => {
  const name = docker.fresh("tmpfs");
  await docker.ok("create", "--name", name, "--tmpfs", `/scratch:${option}`, STARTER, "true");
  expect(await raw(docker.socket, "POST", `/containers/${name}/start`, "{}")).toEqual({
    status: 500,
    message: `invalid tmpfs option ${words}`,
  });
  expect(
    await docker.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}", name),
  ).toBe(`created 128 invalid tmpfs option ${words}`);
  await docker.ok("rm", name);
});

test("--tmpfs takes the options of tmpfs and mount's own, the container's over the defaults", async () => {
  const mounted = async (option: string): Promise<string[]> => {
    const line = await docker.ok(
      "run",
      "--rm",
      "--tmpfs",
      `/scratch:${option}`,
      STARTER,
      "grep",
      " /scratch ",
      "/proc/mounts",
    );
    return (line.split(" ")[3] ?? "").split(",");
  };
  expect(await mounted("defaults,private")).toEqual(
    expect.arrayContaining(["rw", "nosuid", "nodev", "noexec"]),
  );
  expect(await mounted("nr_blocks=5,uid=3,mode=700")).toEqual(
    expect.arrayContaining(["size=20k", "uid=3", "mode=700"]),
  );
  const open = await mounted("exec,suid,dev");
  expect(open.filter((word) => ["nosuid", "nodev", "noexec"].includes(word))).toEqual([]);
  expect(await mounted("ro")).toContain("ro");
});
