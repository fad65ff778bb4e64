import { defineConfig, type PlaywrightTestConfig } from "@playwright/test";

/** Journeys in the real Electron, one at a time: they share one machine and its ports. */
const config: PlaywrightTestConfig = defineConfig({
  testDir: "./journeys",
  testMatch: "*.spec.ts",
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  outputDir: "../test-results",
  reporter: [["list"]],
});
export default config;
