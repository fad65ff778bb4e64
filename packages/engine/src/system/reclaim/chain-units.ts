import type { Layers } from "#layers";
import type { Digest } from "#spec";

/** Layers and archives of a chain, topmost first. */
export function chainUnits(layers: Pick<Layers, "layer">, top: Digest | undefined): readonly string[] {
  const units: string[] = [];
  for (let next = top; next !== undefined;) {
    const record = layers.layer(next);
    units.push(`layer ${next}`);
    if (record?.blob !== undefined) units.push(`blob ${record.blob.digest}`);
    next = record?.parent;
  }
  return [...new Set(units)];
}
