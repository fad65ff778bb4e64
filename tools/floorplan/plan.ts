/** `packages/engine/floorplan.json`, as data. */
export interface Room {
  readonly storey: number;
  readonly promise: string;
  readonly imports: readonly string[];
  /** Rooms of which only types may be imported. */
  readonly types?: readonly string[];
  readonly npm: readonly string[];
  /** Which of README.md, contract.ts, conformance.ts and testing.ts the room doesn't have -> why. */
  readonly lacks?: Readonly<Record<string, string>>;
}

export interface Plan {
  readonly package: string;
  readonly rooms: Readonly<Record<string, Room>>;
  readonly top: { readonly files: readonly string[] };
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly problem: string;
}

/** What is wrong with the plan itself: unknown rooms, edges that climb, cycles (type edges included). */
export function checkPlan(plan: Plan, path: string): readonly Violation[] {
  const found: Violation[] = [];
  const say = (problem: string): number => found.push({ path, line: 1, problem });
  for (const [name, room] of Object.entries(plan.rooms)) {
    for (const target of [...room.imports, ...(room.types ?? [])]) {
      const other = plan.rooms[target];
      if (!other) say(`room "${name}" names the unknown room "${target}"`);
      else if (other.storey > room.storey)
        say(`room "${name}" (storey ${room.storey}) may not look up to "${target}" (storey ${other.storey})`);
    }
  }
  const cycle = findCycle(
    new Map(
      Object.entries(plan.rooms).map(([name, room]) => [name, [...room.imports, ...(room.types ?? [])]]),
    ),
  );
  if (cycle) say(`the plan has a cycle: ${cycle.join(" -> ")}`);
  return found;
}

/** The first cycle in a graph, as its nodes with the first one repeated at the end. */
export function findCycle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  const walk = (node: string, trail: readonly string[]): readonly string[] | undefined => {
    const at = trail.indexOf(node);
    if (at >= 0) return [...trail.slice(at), node];
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const cycle = walk(next, [...trail, node]);
      if (cycle) return cycle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const cycle = walk(node, []);
    if (cycle) return cycle;
  }
  return undefined;
}
