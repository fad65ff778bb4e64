import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { FAKE_IMAGE, openOnFakes } from "#testing/containers";
import { parseCreate } from "./wire/container-settings.ts";

/**
 * `NAME.request.json`: a command line of the docker CLI 28 and the create body that it sends for it. `NAME.document.json`: the OCI document
 * of the start, without the parts that `plain` has too (seccomp, and paths that are new each time are named). `npm run golden` rewrites.
 */
const folder = path.join(import.meta.dirname, "golden/documents");
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".request.json"))
  .map((file) => file.replace(".request.json", ""));

interface Golden {
  readonly command: string;
  /** Facts of the machine that differ from the usual fake. */
  readonly isCgroupV2?: boolean;
  readonly isCgroupDelegated?: boolean;
  readonly body: Readonly<Record<string, unknown>>;
}

const programs = { "*": () => new Promise<number>(() => {}) };
const settings = {
  programs,
  image: {
    Env: ["PATH=/usr/local/bin:/usr/bin:/bin", "FROM_IMAGE=1"],
    Cmd: ["serve"],
    WorkingDir: "/srv",
    ExposedPorts: { "80/tcp": {} },
  },
};

/** The document as text that is the same on every machine and in every run. */
function stable(document: object, folderName: string, ids: Readonly<Record<string, string>>): string {
  const { linux, ...rest } = document as { linux: { seccomp?: { defaultAction?: string } } };
  const { seccomp, ...others } = linux;
  let text = JSON.stringify(
    // The whole filter is long and has a test of its own: here counts which one was taken.
    { ...rest, linux: { ...others, seccomp: seccomp === undefined ? "none" : seccompName(seccomp) } },
    undefined,
    2,
  );
  for (const [id, name] of Object.entries(ids))
    text = text.replaceAll(id, name).replaceAll(id.slice(0, 12), name);
  return `${text.replaceAll(folderName, "FOLDER").replace(/volumes\/[0-9a-f]{64}/g, "volumes/ANONYMOUS")}\n`;
}

function seccompName(profile: object): string {
  const { syscalls = [] } = profile as { syscalls?: readonly { names: readonly string[] }[] };
  return `${syscalls.length} rules, ${syscalls[0]?.names.length ?? 0} calls in the first`;
}

test.for(names)("%s", async (name, { signal }) => {
  const golden = JSON.parse(readFileSync(path.join(folder, `${name}.request.json`), "utf8")) as Golden;
  await using ground = await openOnFakes({
    ...settings,
    facts: {
      isCgroupV2: golden.isCgroupV2 ?? false,
      isCgroupDelegated: golden.isCgroupDelegated ?? false,
    },
  });
  const { room, machine } = ground;
  const other = await room.create(
    { ...parseCreate({ Image: FAKE_IMAGE, HostConfig: { IpcMode: "shareable" } }, 51), name: "other" },
    signal,
  );
  await room.start(other.id, signal);
  const { id, warnings } = await room.create(parseCreate({ ...golden.body, Image: FAKE_IMAGE }, 51), signal);
  await room.start(id, signal);
  const { document } = machine.starts.at(-1) ?? { document: {} };
  const shown = stable({ warnings, ...document }, ground.folder, {
    [id]: "ID",
    [other.id]: "OTHER",
    [`/proc/${room.get(other.id).state.pid}/`]: "/proc/OTHER-PID/",
  });
  const file = path.join(folder, `${name}.document.json`);
  if (process.env["GOLDEN"] === "rewrite") writeFileSync(file, shown);
  expect(shown).toBe(readFileSync(file, "utf8"));
});

test("no document is without its request", () => {
  const documents = readdirSync(folder).filter((file) => file.endsWith(".document.json"));
  expect(documents.map((file) => file.replace(".document.json", ""))).toEqual(names);
});
