import { defineConfig, type ViteUserConfig } from "vitest/config";

const everywhere = ["packages/*/src/**", "apps/*/src/**", "tools/**"];
const named = (suffix: string): string[] => everywhere.map((place) => `${place}/*.${suffix}.test.{ts,tsx}`);
const special = ["conformance", "golden", "fuzz", "host"].flatMap(named);

/** One project per kind of test (STYLE: Tests). `host` needs root and real Linux; the others run anywhere. */
const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: everywhere.map((p) => `${p}/*.test.{ts,tsx}`),
          exclude: [...special, "**/node_modules/**"],
        },
      },
      ...["compat", "crash", "clients"].map((name) => ({
        test: {
          name,
          include: [`e2e/${name}/**/*.test.ts`],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      })),
      { test: { name: "conformance", include: named("conformance"), testTimeout: 30_000 } },
      { test: { name: "golden", include: named("golden") } },
      { test: { name: "fuzz", include: named("fuzz"), testTimeout: 30_000 } },
      {
        test: {
          name: "host",
          include: named("host"),
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
export default config;
