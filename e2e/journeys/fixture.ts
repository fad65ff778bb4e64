import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type ElectronApplication, type Page } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openEngine, type EngineUnderTest } from "./engine-under-test.ts";
import { openWindowPlace } from "./window-under-test.ts";

const artifacts = join(import.meta.dirname, "../../artifacts");

interface Worker {
  readonly engine: EngineUnderTest;
  readonly app: ElectronApplication;
}

interface Each {
  readonly page: Page;
  readonly engine: EngineUnderTest;
}

/** One engine and one window for all journeys; each begins on an engine without journey containers. */
export const test: ReturnType<typeof base.extend<Each, { readonly opened: Worker }>> = base.extend<
  Each,
  { readonly opened: Worker }
>({
  opened: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads the pattern to learn what a fixture needs
    async ({}, use) => {
      await using place = await openWindowPlace();
      await using engine = await openEngine();
      const app = await place.launch([`--socket=${engine.socketPath}`]);
      await use({ engine, app });
      await app.close();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  engine: async ({ opened }, use) => {
    await opened.engine.clean();
    await use(opened.engine);
  },
  page: async ({ opened }, use) => {
    const page = await opened.app.firstWindow();
    const faults: string[] = [];
    const onError = (error: Error): void => void faults.push(error.message);
    page.on("pageerror", onError);
    await page.keyboard.press("Escape");
    await page.evaluate(() => {
      for (const button of document.querySelectorAll<HTMLElement>('.toasts [aria-label="Dismiss"]'))
        button.click();
      window.location.hash = "#/containers";
    });
    await use(page);
    page.off("pageerror", onError);
    expect(faults, "uncaught errors in the page").toEqual([]);
  },
});

export { expect };

/** A screenshot and an axe run of what is shown now, in both themes. */
export async function look(page: Page, name: string): Promise<void> {
  mkdirSync(artifacts, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.waitForTimeout(150);
    await page.screenshot({ path: join(artifacts, `${name}-${colorScheme}.png`) });
    const { violations } = await new AxeBuilder({ page })
      .setLegacyMode(true)
      .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])
      .exclude(".xterm")
      .analyze();
    const found = violations.map(
      (one) =>
        `${one.id}: ${one.nodes
          .map((node) => `${node.target.join(" ")} ${node.failureSummary?.split("\n")[1] ?? ""}`)
          .slice(0, 3)
          .join(" | ")}`,
    );
    expect(found, `axe on ${name}, ${colorScheme}`).toEqual([]);
  }
}

/** The row of a container in the list. */
export function rowOf(page: Page, id: string): ReturnType<Page["locator"]> {
  return page.locator(`[role=row][data-id="${id}"]`);
}
