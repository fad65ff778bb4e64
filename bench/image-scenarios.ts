import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { dockerArchive, tarOf } from "@longshore/testkit";
import type { Peer } from "./peers.ts";
import { openRegistry, type PeerRegistry } from "./registries.ts";
import { cli, MIB, noise, type Scenario, timed, timedProgram } from "./timing.ts";

const BIG = "ls/big:1";

/** Images that come and go: archives, and a registry on each peer's own loopback. */
export function imageScenarios(
  folder: string,
  peers: readonly Peer[],
  rounds: number,
  stack: AsyncDisposableStack,
): readonly Scenario[] {
  const few = Math.min(3, rounds);
  const archive = join(folder, "300mb.tar");
  const layers = [1, 2, 3].map((n) => [{ name: `big-${n}`, data: noise(100 * MIB, n) }]);
  writeFileSync(archive, dockerArchive({ reference: BIG, layers }));
  const saved = join(folder, "saved.tar");
  const pulled = pulledImage(folder);
  const storage = join(folder, "storage");
  const sources = new Map<Peer, PeerRegistry>();
  let serial = 0;
  const source = async (peer: Peer): Promise<PeerRegistry> => {
    const registry = sources.get(peer) ?? stack.use(await openRegistry(peer, folder, storage));
    sources.set(peer, registry);
    return registry;
  };
  const fill = async (): Promise<void> => {
    const [first] = peers;
    if (first === undefined || sources.size > 0) return;
    const { host } = await source(first);
    cli(first, "load", "-i", pulled.archive);
    cli(first, "tag", pulled.reference, `${host}/pulled:1`);
    cli(first, "push", ...first.plainRegistry, `${host}/pulled:1`);
    cli(first, "rmi", "-f", `${host}/pulled:1`, pulled.reference);
  };
  return [
    {
      name: "load of 300 MB (CLI)",
      rounds: few,
      goal: "<= 0.35x dockerd",
      async measure(peer) {
        const took = await timed(() => cli(peer, "load", "-i", archive));
        cli(peer, "rmi", "-f", BIG);
        return took;
      },
      floor: () =>
        timedProgram(
          "sh",
          "-c",
          `mkdir ${folder}/x && tar -xf ${archive} -C ${folder}/x && rm -r ${folder}/x`,
        ),
    },
    {
      name: "save of 300 MB (CLI)",
      rounds: few,
      goal: "<= 0.5x dockerd",
      prepare: async (peer) => void cli(peer, "load", "-i", archive),
      async measure(peer) {
        rmSync(saved, { force: true });
        return timed(() => cli(peer, "save", "-o", saved, BIG));
      },
      floor: () => timedProgram("sh", "-c", `cat ${archive} > ${saved}`),
    },
    {
      name: "pull of 3 layers, 3000 files (CLI)",
      rounds: few,
      goal: "<= 0.55x dockerd, <= 1.6x floor",
      prepare: fill,
      async measure(peer) {
        const name = `${(await source(peer)).host}/pulled:1`;
        const took = await timed(() => cli(peer, "pull", ...peer.plainRegistry, name));
        cli(peer, "rmi", "-f", name);
        return took;
      },
      floor: () =>
        timedProgram(
          "sh",
          "-c",
          `mkdir ${folder}/x; for f in ${pulled.blobs.join(" ")}; do tar -xzf $f -C ${folder}/x & done; wait; rm -r ${folder}/x`,
        ),
    },
    {
      name: "push to another registry (CLI)",
      rounds: few,
      goal: "<= 0.15x dockerd",
      prepare: fill,
      async measure(peer) {
        const from = `${(await source(peer)).host}/pulled:1`;
        cli(peer, "pull", ...peer.plainRegistry, from);
        const place = join(folder, `target-${serial++}`);
        await using target = await openRegistry(peer, folder, place);
        const to = `${target.host}/pushed:1`;
        cli(peer, "tag", from, to);
        const took = await timed(() => cli(peer, "push", ...peer.plainRegistry, to));
        cli(peer, "rmi", "-f", to, from);
        rmSync(place, { recursive: true });
        return took;
      },
    },
  ];
}

/** Three layers of a thousand files of 40 KiB that halve under gzip, as an archive and, for the floor, as the blobs alone. */
function pulledImage(folder: string): {
  readonly archive: string;
  readonly reference: string;
  readonly blobs: readonly string[];
} {
  const reference = "ls/pulled:1";
  const layers = [1, 2, 3].map((layer) =>
    Array.from({ length: 1000 }, (_, n) => ({
      name: `layer-${layer}/folder-${n % 50}/file-${n}`,
      data: Buffer.concat([noise(20 * 1024, layer * 1000 + n), Buffer.alloc(20 * 1024, `text ${n} `)]),
    })),
  );
  const archive = join(folder, "pulled.tar");
  writeFileSync(archive, dockerArchive({ reference, layers }));
  const blobs = layers.map((layer, index) => {
    const blob = join(folder, `blob-${index}.tar.gz`);
    writeFileSync(blob, gzipSync(tarOf(layer)));
    return blob;
  });
  return { archive, reference, blobs };
}
