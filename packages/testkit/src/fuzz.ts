/** Parameters for fast-check: the same cases in every run; FUZZ_FACTOR makes it longer, FUZZ_SEED changes the cases. */
export function fuzzed(runs: number): { readonly numRuns: number; readonly seed: number } {
  return {
    numRuns: Math.ceil(runs * Number(process.env["FUZZ_FACTOR"] ?? 1)),
    seed: Number(process.env["FUZZ_SEED"] ?? 20_261_124),
  };
}
