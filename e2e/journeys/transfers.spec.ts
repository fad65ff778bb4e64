import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { jsonLines } from "@longshore/client";
import type { ProgressLine } from "@longshore/protocol";
import { dockerArchive, imageIdOf, type ImageRecipe } from "@longshore/testkit";
import { expect, image, look, test, type EngineUnderTest } from "./all.ts";
import { answerDialogs } from "./dialogs.ts";
import { loadArchive, loadImages } from "./harbour.ts";
import { startSlowRegistry, type SlowRegistry } from "./slow-registry.ts";

let registry: SlowRegistry;
let folder: string;
test.beforeAll(async () => {
  registry = await startSlowRegistry();
  folder = mkdtempSync(join(tmpdir(), "longshore-transfers-"));
});
test.afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Three layers of noise, so that no compression makes them short. */
function noise(name: string): ImageRecipe {
  return {
    reference: `${registry.host}/journey/${name}:1`,
    layers: [1, 2, 3].map((n) => [{ name: `noise-${n}`, data: randomBytes(400_000) }]),
  };
}

/** Puts the image into the registry and takes it out of the engine. */
async function publish(engine: EngineUnderTest, recipe: ImageRecipe): Promise<void> {
  registry.setRate(undefined);
  await loadArchive(engine, dockerArchive(recipe));
  const pushed = await engine.docker.getImage(recipe.reference.replace(/:1$/, "")).push({ tag: "1" });
  for await (const line of jsonLines<ProgressLine>(pushed as Readable))
    if (line.error !== undefined) throw new Error(line.error);
  await engine.docker.getImage(recipe.reference).remove({ force: true });
}

const hasImage = (engine: EngineUnderTest, name: string): Promise<boolean> =>
  engine.docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      () => false,
    );

test("a pull shows each layer's progress, goes on behind other pages, and ends in the engine", async ({
  page,
  engine,
}) => {
  const recipe = noise("app");
  await publish(engine, recipe);
  registry.setRate(40_000);
  await page.getByRole("link", { name: /^Images/ }).click();
  await page.getByRole("button", { name: "Pull…" }).first().click();
  await page.getByRole("textbox", { name: "Image" }).fill(recipe.reference);
  await page.keyboard.press("Enter");
  const transfers = page.getByRole("region", { name: "Transfers" });
  await expect(transfers.getByRole("progressbar")).toHaveCount(3);
  await expect(transfers.getByText("Downloading").first()).toBeVisible();
  const bar = transfers.getByRole("progressbar").first();
  await expect.poll(async () => Number(await bar.getAttribute("aria-valuenow"))).toBeGreaterThan(5);
  await expect(transfers).toContainText("/s");
  await look(page, "pull-progress");
  await page.getByRole("link", { name: /^Volumes/ }).click();
  await page.getByRole("button", { name: "1 transfer" }).click();
  registry.setRate(undefined);
  await expect(transfers.getByText("Done")).toBeVisible();
  await expect(page.getByRole("grid", { name: "Images" })).toContainText("journey/app:1");
  expect((await engine.docker.getImage(recipe.reference).inspect()).Id).toBe(imageIdOf(recipe));
  await look(page, "pull-done");
  await page.getByRole("button", { name: /^Forget Pull/ }).click();
  await engine.docker.getImage(recipe.reference).remove({ force: true });
});

test("a cancelled pull stops in the engine and leaves nothing there", async ({ page, engine }) => {
  const recipe = noise("cancelled");
  await publish(engine, recipe);
  registry.setRate(60_000);
  await page.getByRole("link", { name: /^Images/ }).click();
  await page.getByRole("button", { name: "Pull…" }).first().click();
  await page.getByRole("textbox", { name: "Image" }).fill(recipe.reference);
  await page.keyboard.press("Enter");
  const transfers = page.getByRole("region", { name: "Transfers" });
  await expect(transfers.getByText("Downloading").first()).toBeVisible();
  expect(registry.openBlobs()).toBeGreaterThan(0);
  await transfers.getByRole("button", { name: "Cancel" }).click();
  await expect(transfers.getByText("Cancelled", { exact: true })).toBeVisible();
  await expect.poll(() => registry.openBlobs()).toBe(0);
  expect(await hasImage(engine, recipe.reference)).toBe(false);
  const { dataRoot } = engine;
  if (dataRoot !== undefined) await expect.poll(() => readdirSync(join(dataRoot, "tmp"))).toEqual([]);
  await page.getByRole("button", { name: /^Forget Pull/ }).click();
  registry.setRate(undefined);
});

test("an archive is loaded and an image saved through the system's dialogs", async ({
  page,
  engine,
  opened,
}) => {
  const recipe: ImageRecipe = {
    reference: "journey/from-file:1",
    layers: [[{ name: "hello", data: "from a file" }]],
  };
  const archive = join(folder, "from-file.tar");
  writeFileSync(archive, dockerArchive(recipe));
  await page.getByRole("link", { name: /^Images/ }).click();
  await answerDialogs(opened.app, {});
  await page.getByRole("button", { name: "Load…" }).first().click();
  await expect(page.getByRole("region", { name: "Transfers" })).toHaveCount(0);
  await answerDialogs(opened.app, { open: [archive] });
  await page.getByRole("button", { name: "Load…" }).first().click();
  await page.getByText("journey/from-file:1", { exact: true }).click();
  await expect(page.getByRole("heading", { name: "journey/from-file:1" })).toBeVisible();
  expect((await engine.docker.getImage(recipe.reference).inspect()).Id).toBe(imageIdOf(recipe));

  const saved = join(folder, "saved.tar");
  await answerDialogs(opened.app, { save: saved });
  await page.getByRole("button", { name: "Save…" }).click();
  await expect(page.getByText("Saved saved.tar")).toBeVisible();
  expect(existsSync(`${saved}.part`)).toBe(false);
  await engine.docker.getImage(recipe.reference).remove({ force: true });
  await expect(page.getByText("This image is gone")).toBeVisible();
  await loadArchive(engine, readFileSync(saved));
  expect((await engine.docker.getImage(recipe.reference).inspect()).Id).toBe(imageIdOf(recipe));
  await engine.docker.getImage(recipe.reference).remove({ force: true });
});

test("an archive that is none says so, and what is loaded stays", async ({ page, engine, opened }) => {
  const broken = join(folder, "broken.tar");
  writeFileSync(broken, "this is no archive");
  await page.getByRole("link", { name: /^Images/ }).click();
  await answerDialogs(opened.app, { open: [broken] });
  await page.getByRole("button", { name: "Load…" }).first().click();
  await expect(page.getByRole("region", { name: "Transfers" })).toContainText("Load broken.tar failed");
  await look(page, "load-failed");
  expect(await hasImage(engine, image)).toBe(true);
  await expect(page.getByRole("button", { name: "Choose another file…" })).toBeVisible();
  await page.getByRole("button", { name: /^Forget Load/ }).click();
});

test("a file of a layer is saved as it is in the layer", async ({ page, engine, opened }) => {
  await loadImages(engine);
  await page.getByRole("link", { name: /^Images/ }).click();
  await page.getByText("harbour/web:2.4").click();
  await page.getByRole("option", { name: /COPY site/ }).click();
  await page.locator('[data-path="/srv"]').click();
  await page.locator('[data-path="/srv/www"]').click();
  await page.locator('[data-path="/srv/www/app.js"]').click();
  const target = join(folder, "app.js");
  await answerDialogs(opened.app, { save: target });
  await page
    .getByRole("region", { name: "File /srv/www/app.js" })
    .getByRole("button", { name: "Save…" })
    .click();
  await expect(page.getByText("Saved app.js")).toBeVisible();
  expect(readFileSync(target, "utf8")).toBe("srv/www/app.js\n".padEnd(48_000, "~"));
  // The whole image holds the file of the layer above: the longer motd.
  await page.getByRole("option", { name: /^Whole image/ }).click();
  await page.locator('[data-path="/etc"]').click();
  await page.locator('[data-path="/etc/motd"]').click();
  const motd = join(folder, "motd");
  await answerDialogs(opened.app, { save: motd });
  await page.getByRole("region", { name: "File /etc/motd" }).getByRole("button", { name: "Save…" }).click();
  await expect(page.getByText("Saved motd")).toBeVisible();
  expect(statSync(motd).size).toBe(220);
});
