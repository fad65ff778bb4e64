import { rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type Docker from "dockerode";
import { type Registry, tarOf } from "@longshore/testkit";
import { idsOf, load, messagesOf, type Pool } from "./image-pool.ts";
import { savedImageFaults } from "./saved-image.ts";

export interface Ground {
  readonly docker: Docker;
  readonly socket: string;
  readonly registry: Registry;
  readonly pool: Pool;
  /** Of a container that may be committed. */
  readonly container: string;
}

/** Name of an image -> its id, "gone", or "pushed": what was acknowledged. */
export type Acknowledged = Map<string, string>;

/** Something that takes many images a while. */
export interface Work {
  readonly name: string;
  /** Brings about what the work begins with. */
  prepare(ground: Ground): Promise<void>;
  /** Does all of it; what the engine acknowledges is noted at once. */
  run(ground: Ground, done: Acknowledged): Promise<void>;
}

const indices = Array.from({ length: 8 }, (_, index) => index);

/** Runs `work` on each index, two at a time; ends when nothing is under way, and then throws what went wrong first. */
async function twoAtATime(work: (index: number) => Promise<void>): Promise<void> {
  const left = [...indices];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next);
  };
  for (const result of await Promise.allSettled([worker(), worker()]))
    if (result.status === "rejected") throw result.reason;
}

const namesIn = ({ pool }: Ground): readonly string[] => pool.recipes.map(({ reference }) => reference);
const remoteName = ({ registry }: Ground, index: number): string => `${registry.host}/pool/image${index}`;

async function everyName({ docker }: Ground): Promise<readonly string[]> {
  return (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
}

/** Untags, and so removes, whatever has a name that begins so. */
async function removeAll(ground: Ground, prefix: string): Promise<void> {
  for (const name of await everyName(ground))
    if (name.startsWith(prefix)) await ground.docker.getImage(name).remove();
}

async function loadMissing(ground: Ground): Promise<void> {
  const there = await everyName(ground);
  if (!namesIn(ground).every((name) => there.includes(name))) await load(ground.docker, ground.pool.archive);
}

async function publish(ground: Ground, done: Acknowledged = new Map()): Promise<void> {
  await twoAtATime(async (index) => {
    const name = remoteName(ground, index);
    await messagesOf(await ground.docker.getImage(`${name}:latest`).push({ authconfig: {} }));
    done.set(`${name}:latest`, "pushed");
  });
}

async function tagForRegistry(ground: Ground): Promise<void> {
  await loadMissing(ground);
  for (const [index, name] of namesIn(ground).entries())
    await ground.docker.getImage(name).tag({ repo: remoteName(ground, index), tag: "latest" });
}

const loading: Work = {
  name: "load",
  prepare: (ground) => removeAll(ground, "ls/pool"),
  run: (ground, done) =>
    load(ground.docker, ground.pool.archive, (name) => {
      done.set(name, idsOf(ground.pool)[namesIn(ground).indexOf(name)] ?? "");
    }),
};

const importing: Work = {
  name: "import",
  prepare: (ground) => removeAll(ground, "ls/imported"),
  run: ({ docker }, done) =>
    twoAtATime(async (index) => {
      const tar = tarOf([{ name: "f", data: Buffer.alloc(1_500_000, `import ${index}`) }]);
      const answer = await docker.importImage(Readable.from([tar]), {
        repo: "ls/imported",
        tag: String(index),
      });
      await messagesOf(answer, ({ status }) => {
        if (status?.startsWith("sha256:") === true) done.set(`ls/imported:${index}`, status);
      });
    }),
};

const committing: Work = {
  name: "commit",
  prepare: (ground) => removeAll(ground, "ls/commit"),
  run: ({ docker, container }, done) =>
    twoAtATime(async (index) => {
      const answer = (await docker
        .getContainer(container)
        .commit({ repo: "ls/commit", tag: String(index) })) as { Id: string };
      done.set(`ls/commit:${index}`, answer.Id);
    }),
};

/** One archive of the whole pool. */
async function saved(ground: Ground): Promise<Buffer> {
  const query = new URLSearchParams(namesIn(ground).map((name): [string, string] => ["names", name]));
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({ socketPath: ground.socket, path: `/images/get?${query.toString()}` }, resolve);
    sent.once("error", reject);
    sent.end();
  });
  return buffer(answer);
}

const saving: Work = {
  name: "save",
  prepare: loadMissing,
  async run(ground) {
    const archive = await saved(ground);
    const faults = savedImageFaults(archive, idsOf(ground.pool));
    if (faults.length > 0) throw new Error(`a saved archive is wrong: ${faults.join("; ")}`);
  },
};

const pruning: Work = {
  name: "prune",
  prepare: loadMissing,
  async run(ground, done) {
    await ground.docker.pruneImages({ filters: { dangling: { false: true } } });
    for (const name of namesIn(ground)) done.set(name, "gone");
  },
};

const removing: Work = {
  name: "image rm",
  prepare: loadMissing,
  run: (ground, done) =>
    twoAtATime(async (index) => {
      const name = namesIn(ground)[index] ?? "";
      await ground.docker
        .getImage(name)
        .remove()
        // Repeated, it may be gone already.
        .catch((error: { statusCode?: number }) => {
          if (error.statusCode !== 404) throw error;
        });
      done.set(name, "gone");
    }),
};

const pushing: Work = {
  name: "push",
  async prepare(ground) {
    rmSync(ground.registry.storage, { recursive: true, force: true });
    await tagForRegistry(ground);
  },
  run: publish,
};

export const pulling: Work = {
  name: "pull",
  async prepare(ground) {
    await tagForRegistry(ground);
    await publish(ground);
    await removeAll(ground, ground.registry.host);
    await removeAll(ground, "ls/pool");
  },
  run: (ground, done) =>
    twoAtATime(async (index) => {
      const name = `${remoteName(ground, index)}:latest`;
      await messagesOf(await ground.docker.pull(name));
      done.set(name, idsOf(ground.pool)[index] ?? "");
    }),
};

export const works: readonly Work[] = [
  loading,
  importing,
  committing,
  saving,
  pruning,
  removing,
  pushing,
  pulling,
];

/** What was acknowledged and doesn't hold; one line each. */
export async function broken(ground: Ground, done: Acknowledged): Promise<readonly string[]> {
  const names = new Map(
    (await ground.docker.listImages()).flatMap(({ Id, RepoTags }) =>
      (RepoTags ?? []).map((name) => [name, Id] as const),
    ),
  );
  const faults = await Promise.all(
    [...done].map(async ([name, wanted]) => {
      if (wanted === "pushed") return await unpulled(ground, name);
      const found = names.get(name) ?? "gone";
      return found === wanted ? [] : [`${name} is ${found}, acknowledged was ${wanted}`];
    }),
  );
  return faults.flat();
}

/** What the registry lacks of an image. */
async function unpulled({ registry }: Ground, name: string): Promise<readonly string[]> {
  const repository = name.slice(registry.host.length + 1).replace(/:latest$/, "");
  const base = `http://${registry.host}/v2/${repository}`;
  const accept = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ].join();
  const answer = await fetch(`${base}/manifests/latest`, { headers: { accept } });
  if (!answer.ok) return [`${name}: the registry answers ${answer.status}`];
  const { config, layers } = (await answer.json()) as Record<"config", { digest: string }> & {
    layers: readonly { digest: string }[];
  };
  const lacking = [config, ...layers].map(async ({ digest }) => {
    const { ok } = await fetch(`${base}/blobs/${digest}`, { method: "HEAD" });
    return ok ? [] : [`${name}: the registry lacks ${digest}`];
  });
  return (await Promise.all(lacking)).flat();
}

/** Saves every image that is listed and looks at each byte; one line for each that is not whole. */
export async function halfImages({ docker }: Ground): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const { Id } of await docker.listImages({ all: true })) {
    try {
      faults.push(...savedImageFaults(await buffer(await docker.getImage(Id).get()), [Id]));
    } catch (error) {
      faults.push(`${Id}: ${String(error)}`);
    }
  }
  return faults;
}
