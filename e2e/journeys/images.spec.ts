import { expect, image, look, test } from "./all.ts";

test("an image is a stack of layers whose files open", async ({ page, engine }) => {
  await page.getByRole("link", { name: /^Images/ }).click();
  await page.getByText(image, { exact: true }).first().click();
  await expect(page.getByRole("listbox", { name: /Layers/ })).toBeVisible();
  if (engine.isLongshore) {
    await page.locator('[data-path="/etc"]').click();
    await page.locator('[data-path="/etc/motd"]').click();
    await expect(page.getByLabel("Content of /etc/motd")).toContainText("harbour master");
  } else await expect(page.getByText("Files of layers need Longshore’s own engine")).toBeVisible();
  await look(page, "layers");
});

test("a tag made in the window is in the engine, and its removal too", async ({ page, engine }) => {
  await page.getByRole("link", { name: /^Images/ }).click();
  await page.getByText(image, { exact: true }).first().click();
  await page.getByRole("button", { name: "Tag…" }).click();
  await page.getByLabel("Name and tag").fill("journey/tagged:2");
  await page.getByRole("button", { name: "Tag", exact: true }).click();
  await expect
    .poll(async () => (await engine.docker.getImage(image).inspect()).RepoTags)
    .toContain("journey/tagged:2");
  await engine.docker.getImage("journey/tagged:2").remove();
  await look(page, "images");
});

test("a pull that fails says why and what to do", async ({ page }) => {
  await page.getByRole("link", { name: /^Images/ }).click();
  await page.getByRole("button", { name: "Pull…" }).click();
  await look(page, "pull-dialog");
  await page.getByRole("textbox", { name: "Image" }).fill("127.0.0.1:9/none/such:1");
  await page.getByRole("button", { name: "Pull", exact: true }).click();
  const transfers = page.getByRole("region", { name: "Transfers" });
  await expect(transfers).toContainText("Pull 127.0.0.1:9/none/such:1 failed", { timeout: 30_000 });
  await expect(transfers).toContainText("connection refused");
  await expect(transfers).toContainText("The registry cannot be reached from here.");
  await transfers.getByRole("button", { name: "Try again" }).click();
  await expect(transfers).toContainText("connection refused", { timeout: 30_000 });
  await page.getByRole("button", { name: /^Forget Pull/ }).click();
});

test("volumes and networks are made in the window and found in the engine", async ({ page, engine }) => {
  await page.getByRole("link", { name: /^Volumes/ }).click();
  await page.getByRole("button", { name: "Create…" }).first().click();
  await page.getByLabel("Name").fill("journey-data");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect
    .poll(async () => (await engine.docker.listVolumes()).Volumes?.map((one) => one.Name))
    .toContain("journey-data");
  await expect(page.getByRole("heading", { name: "journey-data" })).toBeVisible();
  await look(page, "volumes");
  await engine.docker.getVolume("journey-data").remove();
  await expect(page.getByText("This volume is gone")).toBeVisible();
  await page.getByRole("link", { name: /^Networks/ }).click();
  await expect(page.getByRole("row", { name: /^bridge/ })).toBeVisible();
  await look(page, "networks");
});

test("the palette finds by letters and goes there", async ({ page, engine }) => {
  await engine.run("palette-target", ["sleep", "600"]);
  await expect(page.getByText("palette-target")).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("palta log");
  await look(page, "palette");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("tab", { name: "Logs", selected: true })).toBeVisible();
  await page.getByRole("link", { name: /^Engine/ }).click();
  await expect(page.getByText(/API 1\./)).toBeVisible();
  await look(page, "engine");
});
