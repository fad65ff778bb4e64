import { setTimeout as sleep } from "node:timers/promises";
import { Docker } from "@longshore/client";
import { dockerArchive, type EngineUnderTest, startEngine } from "@longshore/testkit";
import Dockerode from "dockerode";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { loadStarter } from "./keepers.ts";
import { seeded } from "./load.ts";

const rounds = Number(process.env["CRASH_ROUNDS"] ?? 4);
const seed = Number(process.env["CRASH_SEED"] ?? Date.now() % 1_000_000);
const image = "longshore/starter:latest";
const OBJECTS = 4;
/** Acknowledged ones in a round, before the kill in the middle of others. */
const MOST_MOVES = 40;

interface Subject {
  readonly kind: "container" | "image" | "volume";
  readonly name: string;
}
const subjects: readonly Subject[] = (["container", "image", "volume"] as const).flatMap((kind) =>
  Array.from({ length: OBJECTS }, (_, index) => ({
    kind,
    name: kind === "image" ? `crash/image:${index}` : `crash-${kind}-${index}`,
  })),
);
const textOf = ({ name }: Subject): string => `what ${name} keeps`;

test(
  "killing the engine with -9 between trash and restore leaves each object in one place, whole",
  async () => {
    console.log(`crash: trash, seed ${seed}, ${rounds} rounds (CRASH_SEED, CRASH_ROUNDS)`);
    await using engine = await startEngine();
    const client = new Docker({ socketPath: engine.socket });
    const dockerode = new Dockerode({ socketPath: engine.socket });
    const random = seeded(seed);
    let acknowledged = 0;
    try {
      await loadStarter(dockerode, image);
      await makeAll(dockerode);
      for (let round = 1; round <= rounds; round++) {
        const stop = new AbortController();
        const wanted = acknowledged + 1 + Math.floor(random() * MOST_MOVES);
        const isEnough = Promise.withResolvers<void>();
        const workers = subjects.map(async (subject) => {
          while (!stop.signal.aborted) {
            await toss(client, subject).then(
              () => acknowledged++,
              (error: unknown) => {
                if (!stop.signal.aborted) throw error;
              },
            );
            if (acknowledged >= wanted) isEnough.resolve();
          }
        });
        const done = Promise.all(workers);
        await Promise.race([isEnough.promise, done]);
        await sleep(random() * 10);
        stop.abort();
        await engine.kill9();
        await done;
        await engine.restart();
        expect(await places(client), `round ${round}, seed ${seed}`).toEqual(
          Object.fromEntries(subjects.map(({ name }) => [name, 1])),
        );
      }
      await expectWhole(client, engine);
    } catch (error) {
      console.log(`the engine's last words:\n${engine.log().split("\n").slice(-60).join("\n")}`);
      throw error;
    }
    console.log(`crash: trash, seed ${seed}, ${acknowledged} moves acknowledged`);
  },
  120_000 + rounds * 20_000,
);

/** Each container has its text in a file of its own and one of the images below it, each volume in a file. */
async function makeAll(docker: Dockerode): Promise<void> {
  for (const subject of subjects) {
    const { kind, name } = subject;
    if (kind === "image") {
      const data = Buffer.from(textOf(subject));
      const archive = dockerArchive({
        reference: name,
        layers: [[{ name: "base", data: "shared" }], [{ name, data }]],
      });
      const answer = await docker.loadImage(Readable.from([archive]));
      await Array.fromAsync(Readable.from(answer));
      continue;
    }
    const place = kind === "volume" ? "/data/f" : "/f";
    const container = await docker.createContainer({
      name: kind === "volume" ? `fill-${name}` : name,
      Image: image,
      Cmd: ["sh", "-c", `echo '${textOf(subject)}' > ${place}`],
      HostConfig: kind === "volume" ? { Binds: [`${name}:/data`] } : {},
    });
    await container.start();
    await container.wait();
    if (kind === "volume") await container.remove();
  }
}

/** Out of the trash what is in it, into it what is not. */
async function toss(client: Docker, { kind, name }: Subject): Promise<void> {
  const { entries } = await client.longshore.trash();
  const entry = entries.find((one) => one.kind === kind && one.name === name);
  if (entry === undefined) await client.longshore.discard({ kind, id: name });
  else await client.longshore.restore(entry.id);
}

/** By name: in how many places an object is. */
async function places(client: Docker): Promise<Readonly<Record<string, number>>> {
  const [containers, images, { Volumes }, { entries }] = await Promise.all([
    client.listContainers({ all: true }),
    client.listImages(),
    client.listVolumes(),
    client.longshore.trash(),
  ]);
  const names = [
    ...containers.flatMap(({ Names }) => Names.map((name) => name.slice(1))),
    ...images.flatMap(({ RepoTags }) => RepoTags ?? []),
    ...(Volumes ?? []).map(({ Name }) => Name),
    ...entries.map(({ name }) => name),
  ];
  return Object.fromEntries(subjects.map(({ name }) => [name, names.filter((one) => one === name).length]));
}

async function expectWhole(client: Docker, engine: EngineUnderTest): Promise<void> {
  const { entries } = await client.longshore.trash();
  for (const { id } of entries) await client.longshore.restore(id);
  const docker = new Dockerode({ socketPath: engine.socket });
  const { items } = await client.longshore.reclaimReport();
  for (const subject of subjects) {
    const { kind, name } = subject;
    if (kind === "image") {
      expect(items.find((item) => item.name === name)?.sharedWith).toHaveLength(OBJECTS - 1);
      const [layer] = (await client.longshore.imageLayers(name)).layers.slice(-1);
      const file = await client.longshore.layerFile(layer?.chainId ?? "", `/${name}`);
      expect(Buffer.concat(await file.toArray()).toString()).toBe(textOf(subject));
      continue;
    }
    const path = kind === "volume" ? "/data/f" : "/f";
    const holder =
      kind === "container"
        ? docker.getContainer(name)
        : await docker.createContainer({ Image: image, HostConfig: { Binds: [`${name}:/data`] } });
    if (kind === "volume") await holder.start();
    const tar = await Array.fromAsync(Readable.from(await holder.getArchive({ path })));
    expect(Buffer.concat(tar as Buffer[]).toString()).toContain(`${textOf(subject)}\n`);
    await holder.remove({ force: true });
  }
}
