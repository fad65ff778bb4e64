import { expect, look, rowOf, test } from "./all.ts";

const idle = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"];
const project = (name: string): object => ({
  Labels: { "longshore.journey": "1", "com.docker.compose.project": name },
});

test("arrows, letters and Delete do everything that the list's buttons do", async ({ page, engine }) => {
  const first = await engine.run("key-a", idle);
  const second = await engine.run("key-b", idle);
  await expect(rowOf(page, second)).toContainText("Running");
  await page.keyboard.press("/");
  await page.keyboard.press("ArrowDown");
  await expect(rowOf(page, second)).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(rowOf(page, first)).toBeFocused();
  await page.keyboard.press("Home");
  await expect(rowOf(page, second)).toBeFocused();
  await page.keyboard.press("End");
  await expect(rowOf(page, first)).toBeFocused();
  const state = async (): Promise<string> => (await engine.docker.getContainer(first).inspect()).State.Status;
  await page.keyboard.press("s");
  await expect.poll(state).toBe("exited");
  await expect(rowOf(page, first)).toContainText("Exited");
  await page.keyboard.press("s");
  await expect.poll(state).toBe("running");
  const startedAt = (await engine.docker.getContainer(first).inspect()).State.StartedAt;
  await expect(rowOf(page, first)).toContainText("Running");
  await page.keyboard.press("r");
  await expect
    .poll(async () => (await engine.docker.getContainer(first).inspect()).State.StartedAt)
    .not.toBe(startedAt);
  await expect(rowOf(page, first)).toContainText("Running");
  await page.keyboard.press("l");
  await expect(page.getByRole("tab", { name: "Logs", selected: true })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(rowOf(page, first)).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(page.getByRole("alertdialog", { name: "Remove key-a?" })).toBeVisible();
  // Cancel has the focus: Enter must not remove.
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alertdialog")).toHaveCount(0);
  await expect(rowOf(page, first)).toBeFocused();
  await page.keyboard.press("Delete");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await expect(rowOf(page, first)).toHaveCount(0);
  await expect(rowOf(page, second)).toBeFocused();
  expect((await engine.docker.listContainers({ all: true })).map((row) => row.Id)).not.toContain(first);
});

test("projects group their containers, close and open by arrow, and act together", async ({
  page,
  engine,
}) => {
  const web = await engine.run("tide-web-1", idle, project("tide"));
  const db = await engine.run("tide-db-1", idle, project("tide"));
  const group = page.getByRole("row", { name: /tide 2 of 2 running/ });
  await expect(group).toBeVisible();
  await expect(rowOf(page, web)).toHaveAttribute("aria-level", "2");
  await page.keyboard.press("/");
  await page.keyboard.press("ArrowDown");
  await expect(group).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await expect(group).toHaveAttribute("aria-expanded", "false");
  await expect(rowOf(page, web)).toHaveCount(0);
  await page.keyboard.press("ArrowRight");
  await expect(rowOf(page, web)).toBeVisible();
  await group.getByRole("button", { name: "Stop all" }).click();
  for (const id of [web, db])
    await expect.poll(async () => (await engine.docker.getContainer(id).inspect()).State.Running).toBe(false);
  await expect(page.getByRole("row", { name: /tide 0 of 2 running/ })).toBeVisible();
  await page.getByRole("button", { name: "Start all" }).click();
  for (const id of [web, db])
    await expect.poll(async () => (await engine.docker.getContainer(id).inspect()).State.Running).toBe(true);
});

test("? shows the keys, F6 goes through the regions, the bar between panes moves by arrow", async ({
  page,
  engine,
}) => {
  const id = await engine.run("regions", idle);
  await rowOf(page, id).click();
  await expect(page.getByRole("heading", { name: "regions" })).toBeVisible();
  await page.keyboard.press("?");
  await expect(page.getByRole("heading", { name: "Keyboard" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("heading", { name: "Keyboard" })).toHaveCount(0);
  await expect(page.getByRole("heading", { name: "regions" })).toBeVisible();

  const region = (): Promise<string> =>
    page.evaluate(() => document.activeElement?.closest("[data-pane]")?.getAttribute("aria-label") ?? "none");
  const order: string[] = [];
  await page.getByRole("link", { name: /^Containers/ }).focus();
  for (let step = 0; step < 4; step++) {
    order.push(await region());
    await page.keyboard.press("F6");
  }
  expect(order).toEqual(["Pages", "Containers", "Container regions", "Status"]);
  expect(await region()).toBe("Pages");
  await page.keyboard.press("Shift+F6");
  expect(await region()).toBe("Status");

  const list = page.getByRole("region", { name: "Containers" });
  const before = (await list.boundingBox())?.width ?? 0;
  await page.getByRole("separator", { name: "Width of the list" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect.poll(async () => (await list.boundingBox())?.width ?? 0).toBeGreaterThan(before + 10);
  await page.keyboard.press("ArrowLeft");
});

test("the palette stops a container, changes the theme and opens a form", async ({ page, engine }) => {
  const id = await engine.run("by-palette", idle);
  await expect(rowOf(page, id)).toContainText("Running");
  const command = async (words: string): Promise<void> => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Find anything" }).fill(words);
    await page.keyboard.press("Enter");
  };
  await command("stop by-palette");
  await expect.poll(async () => (await engine.docker.getContainer(id).inspect()).State.Running).toBe(false);
  await page.emulateMedia({ colorScheme: null });
  await command("dark theme");
  await expect.poll(() => page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches)).toBe(true);
  await command("light theme");
  await expect
    .poll(() => page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches))
    .toBe(false);
  await command("theme as the system");
  await command("compact rows");
  await expect.poll(async () => (await rowOf(page, id).boundingBox())?.height).toBe(28);
  await look(page, "compact");
  await command("default rows");
  await command("create a volume");
  await page.getByLabel("Name").fill("palette-volume");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "palette-volume" })).toBeVisible();
  if (engine.isLongshore) await page.getByRole("button", { name: "Remove", exact: true }).click();
  else {
    await page.getByRole("button", { name: "Remove…" }).click();
    const sure = page.getByRole("button", { name: "Remove volume" });
    await expect(sure).toBeDisabled();
    await page.getByLabel("Type palette-volume to confirm").fill("palette-volume");
    await look(page, "remove-volume");
    await sure.click();
  }
  await expect
    .poll(async () => ((await engine.docker.listVolumes()).Volumes ?? []).map((one) => one.Name))
    .not.toContain("palette-volume");
});
