import Docker from "dockerode";
import type { Peer } from "./peers.ts";
import { IMAGE, type Scenario } from "./timing.ts";

const MANY = 50;

/** Resident memory of each engine with all that guards its containers: alone, with fifty containers, and what one more costs. */
export function memoryScenarios(): readonly Scenario[] {
  const idleMib = new Map<string, number>();
  const fullMib = new Map<string, number>();
  const common = { rounds: 1, unit: "MiB" } as const;
  return [
    {
      ...common,
      name: "resident, idle",
      goal: "",
      async measure(peer) {
        const mib = peer.residentKib() / 1024;
        idleMib.set(peer.name, mib);
        return mib;
      },
    },
    {
      ...common,
      name: `resident with ${MANY} containers`,
      goal: "<= 1x dockerd",
      async measure(peer) {
        const mib = await withMany(peer, () => peer.residentKib() / 1024);
        fullMib.set(peer.name, mib);
        return mib;
      },
    },
    {
      ...common,
      name: "resident per container",
      goal: "",
      measure: async ({ name }) =>
        ((fullMib.get(name) ?? Number.NaN) - (idleMib.get(name) ?? Number.NaN)) / MANY,
    },
  ];
}

async function withMany(peer: Peer, look: () => number): Promise<number> {
  const docker = new Docker({ socketPath: peer.socket });
  const made: Docker.Container[] = [];
  for (let i = 0; i < MANY; i++) {
    const container = await docker.createContainer({ Image: IMAGE, Cmd: ["sleep", "1000"] });
    await container.start();
    made.push(container);
  }
  const seen = look();
  for (const container of made) await container.remove({ force: true });
  return seen;
}
