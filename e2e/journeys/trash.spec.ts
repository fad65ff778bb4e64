import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Page } from "@playwright/test";
import type { TrashReport } from "@longshore/protocol";
import { dockerArchive } from "@longshore/testkit";
import { expect, look, rowOf, test } from "./all.ts";
import { openProxy } from "./engine-proxy.ts";
import { image, openEngine, type EngineUnderTest } from "./engine-under-test.ts";
import { loadArchive } from "./harbour.ts";
import { openWindowPlace } from "./window-under-test.ts";

test.skip(({ engine }) => !engine.isLongshore, "only our own engine has a trash");

const idle = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"];
const writes = ["sh", "-c", "echo written > /note"];

async function names(engine: EngineUnderTest): Promise<readonly string[]> {
  return (await engine.docker.longshore.trash()).entries.map(({ kind, name }) => `${kind} ${name}`);
}

async function containers(engine: EngineUnderTest): Promise<readonly string[]> {
  return (await engine.docker.listContainers({ all: true })).map((row) => row.Names[0] ?? "");
}

async function volumes(engine: EngineUnderTest): Promise<readonly string[]> {
  return ((await engine.docker.listVolumes()).Volumes ?? []).map((one) => one.Name);
}

async function images(engine: EngineUnderTest): Promise<readonly string[]> {
  return (await engine.docker.listImages()).flatMap((one) => one.RepoTags ?? []);
}

/** A container that has written and ended. */
async function ended(page: Page, engine: EngineUnderTest, name: string, more: object = {}): Promise<string> {
  const id = await engine.run(name, writes, more);
  await expect(rowOf(page, id)).toContainText("Exited");
  return id;
}

const note = async (engine: EngineUnderTest, id: string): Promise<string> =>
  await text(await engine.docker.getContainer(id).getArchive({ path: "/note" }));

test("Delete removes what does not run at once, Ctrl+Z brings it back with its name and what it wrote", async ({
  page,
  engine,
}) => {
  const other = await engine.run("stays", idle);
  const id = await ended(page, engine, "regretted");
  await rowOf(page, id).focus();
  await page.keyboard.press("Delete");
  const messages = page.getByRole("status", { name: "Messages" });
  await expect(messages).toContainText("Removed regretted");
  await expect(page.getByRole("alertdialog")).toHaveCount(0);
  await expect(rowOf(page, id)).toHaveCount(0);
  // The next key has something to act on.
  await expect(rowOf(page, other)).toBeFocused();
  await look(page, "removed-with-undo");
  expect(await containers(engine)).not.toContain("/regretted");
  expect(await names(engine)).toEqual(["container regretted"]);
  await page.keyboard.press("Control+z");
  await expect(rowOf(page, id)).toContainText("Exited");
  await expect(messages).toContainText("Restored regretted");
  expect((await engine.docker.getContainer(id).inspect()).Name).toBe("/regretted");
  expect(await note(engine, id)).toContain("written");
  expect(await names(engine)).toEqual([]);
});

test("the message is reached by F6, waits while it is in focus, and gives the focus back", async ({
  page,
  engine,
}) => {
  const other = await engine.run("stays", idle);
  const id = await ended(page, engine, "by-f6");
  await rowOf(page, id).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(page.getByRole("heading", { name: "by-f6" })).toHaveCount(0);
  await expect(rowOf(page, other)).toBeFocused();
  const undo = page.getByRole("button", { name: /^Undo/ });
  for (let step = 0; step < 2; step++) await page.keyboard.press("F6");
  await expect(undo).toBeFocused();
  await page.waitForTimeout(11_000);
  await expect(undo).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(rowOf(page, id)).toBeVisible();
  await expect(page.locator("[role=treegrid] [role=row]:focus")).toHaveCount(1);
});

test("a name that was taken meanwhile is asked for, of a volume too", async ({ page, engine }) => {
  const id = await ended(page, engine, "wanted", {
    HostConfig: { NetworkMode: "none", Binds: ["wanted-data:/data"] },
  });
  await rowOf(page, id).focus();
  await page.keyboard.press("Delete");
  await expect.poll(() => names(engine)).toEqual(["container wanted"]);
  await engine.docker.getVolume("wanted-data").remove();
  await engine.docker.createVolume({ Name: "wanted-data" });
  const taker = await engine.run("wanted", idle);
  await expect(rowOf(page, taker)).toBeVisible();
  await page.getByRole("button", { name: /^Undo/ }).click();
  const dialog = page.getByRole("dialog", { name: "Restore wanted under another name?" });
  await expect(dialog.getByRole("alert")).toBeVisible();
  await expect(dialog.getByLabel("Name", { exact: true })).toHaveValue("wanted-restored");
  await expect(dialog.getByLabel("Name for its volume wanted-data")).toHaveValue("wanted-data-restored");
  await look(page, "restore-dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("wanted");
  await dialog.getByRole("button", { name: "Restore", exact: true }).click();
  await expect(dialog.getByRole("alert")).toContainText('"/wanted" is already in use');
  await dialog.getByLabel("Name", { exact: true }).fill("wanted-back");
  await dialog.getByRole("button", { name: "Restore", exact: true }).click();
  await expect(page.getByRole("status", { name: "Messages" })).toContainText("Restored wanted-back");
  const back = await engine.docker.getContainer("wanted-back").inspect();
  expect(back.Id).toBe(id);
  expect(back.HostConfig.Binds).toEqual(["wanted-data-restored:/data"]);
  expect(await note(engine, id)).toContain("written");
  await expect(rowOf(page, id)).toContainText("wanted-back");
  await engine.clean();
  for (const name of ["wanted-data", "wanted-data-restored"]) await engine.docker.getVolume(name).remove();
});

test("a tag that another image has by now is asked for, and what stays in the trash until then is whole", async ({
  page,
  engine,
}) => {
  const reference = "trash/tag:1";
  const load = (content: string): Promise<void> =>
    loadArchive(engine, dockerArchive({ reference, layers: [[{ name: "f", data: content }]] }));
  await load("old");
  const { Id } = await engine.docker.getImage(reference).inspect();
  await engine.docker.longshore.discard({ kind: "image", id: reference });
  await load("new");
  await page.getByRole("link", { name: /^Trash/ }).click();
  await page.getByRole("row", { name: new RegExp(`^${reference}`) }).focus();
  await page.keyboard.press("r");
  const dialog = page.getByRole("dialog", { name: `Restore ${reference} under another name?` });
  await expect(dialog.getByRole("alert")).toContainText("was taken meanwhile");
  expect(await names(engine)).toEqual([`image ${reference}`]);
  await expect(dialog.getByLabel("Name and tag")).toHaveValue("trash/tag:1-restored");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "The trash is empty" })).toBeVisible();
  expect((await engine.docker.getImage("trash/tag:1-restored").inspect()).Id).toBe(Id);
  expect((await engine.docker.getImage(reference).inspect()).Id).not.toBe(Id);
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page.getByRole("heading", { name: "trash/tag:1-restored" })).toBeVisible();
  for (const name of [reference, "trash/tag:1-restored"]) await engine.docker.getImage(name).remove();
});

test("what runs is asked for, and an Undo says what is not as it was", async ({ page, engine }) => {
  const id = await engine.run("busy", ["sh", "-c", "echo written > /note; sleep 600"], {
    HostConfig: { NetworkMode: "none", AutoRemove: true },
  });
  await expect(rowOf(page, id)).toContainText("Running");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Find anything" }).fill("remove busy…");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("alertdialog", { name: "Remove busy?" });
  await expect(dialog).toContainText("What it wrote on top of its image is kept with it.");
  await expect(dialog).toContainText("restored from the trash for 7 days");
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  await look(page, "remove-running");
  await dialog.getByRole("button", { name: "Remove busy" }).click();
  await expect(rowOf(page, id)).toHaveCount(0);
  expect(await names(engine)).toEqual(["container busy"]);
  await page.getByRole("button", { name: /^Undo/ }).click();
  await expect(page.getByRole("status", { name: "Messages" })).toContainText(
    "The container was to be removed at its end: now it stays.",
  );
  await look(page, "restored-with-warning");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page.getByRole("heading", { name: "busy" })).toBeVisible();
  expect(await note(engine, id)).toContain("written");
});

test("images and volumes go by Delete when nobody uses them, and are asked for when somebody does", async ({
  page,
  engine,
}) => {
  const reference = "trash/spare:1";
  await loadArchive(
    engine,
    dockerArchive({ reference, layers: [[{ name: "f", data: "x".repeat(50_000) }]] }),
  );
  await engine.docker.getImage(reference).tag({ repo: "trash/spare", tag: "2" });
  await engine.docker.createVolume({ Name: "spare-data" });
  await engine.run("user", idle, { HostConfig: { NetworkMode: "none", Binds: ["used-data:/data"] } });
  const row = (name: string): ReturnType<Page["locator"]> =>
    page.getByRole("row", { name: new RegExp(`^${name}`) });

  await page.getByRole("link", { name: /^Images/ }).click();
  await row("trash/spare:1").focus();
  await page.keyboard.press("Delete");
  await expect(page.getByText("Only the name: the image stays as trash/spare:2.")).toBeVisible();
  await row("trash/spare:2").focus();
  await page.keyboard.press("Delete");
  await expect(row("trash/spare")).toHaveCount(0);
  expect((await images(engine)).filter((name) => name.startsWith("trash/"))).toEqual([]);
  await page.keyboard.press("Control+z");
  await expect(row("trash/spare:2")).toBeVisible();
  await page.keyboard.press("Control+z");
  await expect.poll(() => images(engine)).toContain("trash/spare:1");
  await row(image).focus();
  await page.keyboard.press("Delete");
  const used = page.getByRole("alertdialog", { name: `Remove ${image}?` });
  await expect(used).toContainText("user is made from it");
  await look(page, "remove-used-image");
  await page.keyboard.press("Escape");

  await page.getByRole("link", { name: /^Volumes/ }).click();
  await row("spare-data").focus();
  await page.keyboard.press("Delete");
  await expect(row("spare-data")).toHaveCount(0);
  expect(await volumes(engine)).not.toContain("spare-data");
  await page.keyboard.press("Control+z");
  await expect.poll(() => volumes(engine)).toContain("spare-data");
  await row("used-data").focus();
  await page.keyboard.press("Delete");
  const inUse = page.getByRole("alertdialog", { name: "Remove used-data?" });
  await expect(inUse).toContainText("user uses it");
  await inUse.getByRole("button", { name: "Remove volume" }).click();
  await expect(inUse.getByRole("alert")).toContainText("volume is in use");
  await look(page, "remove-used-volume");
  await page.keyboard.press("Escape");
  expect(await names(engine)).toEqual([]);
  await engine.clean();
  for (const name of ["spare-data", "used-data"]) await engine.docker.getVolume(name).remove();
  await engine.docker.getImage("trash/spare:1").remove({ force: true });
  await engine.docker.getImage("trash/spare:2").remove({ force: true });
});

test("the trash lists what it holds, restores by key, deletes forever and is emptied", async ({
  page,
  engine,
  opened,
}) => {
  const reference = "trash/old:1";
  await loadArchive(
    engine,
    dockerArchive({ reference, layers: [[{ name: "f", data: "x".repeat(90_000) }]] }),
  );
  for (const name of ["page-data", "page-doomed"]) await engine.docker.createVolume({ Name: name });
  await engine.docker.createVolume({ Name: "page-kept" });
  const id = await ended(page, engine, "page-box", {
    HostConfig: { NetworkMode: "none", Binds: ["page-kept:/kept"] },
  });
  const { longshore } = engine.docker;
  await page.keyboard.press("Control+5");
  await expect(page.getByRole("heading", { name: "The trash is empty" })).toBeVisible();
  await look(page, "trash-empty");
  await longshore.discard({ kind: "image", id: reference });
  for (const name of ["page-data", "page-doomed"]) await longshore.discard({ kind: "volume", id: name });
  await longshore.discard({ kind: "container", id });
  await engine.docker.getVolume("page-kept").remove();
  const row = (name: string): ReturnType<Page["locator"]> =>
    page.getByRole("row", { name: new RegExp(`^${name}`) });
  await expect(row("page-box")).toContainText("volume page-kept");
  await expect(row("page-box")).toContainText(/[67] d/);
  await expect(row(reference)).toContainText("image");
  await expect(page.locator(".trash-use")).toContainText("7 days");
  await look(page, "trash");
  const resize = (width: number): Promise<number> =>
    opened.app.evaluate(({ BrowserWindow }, wanted) => {
      const [window] = BrowserWindow.getAllWindows();
      const [before = 0, height = 0] = window?.getSize() ?? [];
      window?.setSize(wanted, height);
      return before;
    }, width);
  const width = await resize(660);
  await expect.poll(() => page.evaluate(() => window.innerWidth)).toBeLessThan(700);
  await look(page, "trash-narrow");
  expect(await page.locator(".scroller").evaluate((one) => one.scrollWidth - one.clientWidth)).toBe(0);
  await resize(width);

  await row("page-data").focus();
  await page.keyboard.press("r");
  await expect(row("page-data")).toHaveCount(0);
  expect(await volumes(engine)).toContain("page-data");
  await row(reference)
    .getByRole("button", { name: `Restore ${reference}` })
    .click();
  await expect.poll(() => images(engine)).toContain(reference);

  await row("page-doomed").focus();
  await page.keyboard.press("Delete");
  const forever = page.getByRole("alertdialog", { name: "Delete page-doomed forever?" });
  await expect(forever.getByRole("button", { name: "Cancel" })).toBeFocused();
  const sure = forever.getByRole("button", { name: "Delete forever" });
  await expect(sure).toBeDisabled();
  await forever.getByLabel("Type page-doomed to confirm").fill("page-doomed");
  await look(page, "delete-forever");
  await sure.click();
  await expect(row("page-doomed")).toHaveCount(0);
  expect(await names(engine)).toEqual(["container page-box"]);

  await longshore.discard({ kind: "image", id: reference });
  await expect(row(reference)).toBeVisible();
  await page.getByRole("button", { name: "Empty trash…" }).click();
  const empty = page.getByRole("alertdialog", { name: "Empty the trash?" });
  await expect(empty).toContainText("1 container, 1 image");
  await expect(empty.getByRole("button", { name: "Cancel" })).toBeFocused();
  await look(page, "empty-trash");
  // What comes while it asks is not what it asked for.
  await longshore.discard({ kind: "volume", id: "page-data" });
  await empty.getByRole("button", { name: "Delete 2 entries forever" }).click();
  await expect(row("page-box")).toHaveCount(0);
  await expect.poll(() => names(engine)).toEqual(["volume page-data"]);
  await expect(row("page-data")).toBeVisible();
});

const hostile = `<img src=x onerror=alert(1)><script>document.title='owned'</script>`;
const hostileTrash: TrashReport = {
  entries: [
    {
      id: "e".repeat(24),
      kind: "container",
      name: hostile,
      removedAt: new Date().toISOString(),
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
      exclusiveBytes: 1,
      brings: [{ kind: "volume", name: hostile }],
    },
  ],
  usedBytes: 1,
  quotaBytes: 100,
  maxAgeSeconds: 3600,
};

test("names in the trash stay text, whoever made them", async ({ engine }) => {
  await using place = await openWindowPlace();
  const socketPath = join(place.folder, "proxy.sock");
  await using _ = await openProxy(engine.socketPath, socketPath, (method, path) =>
    method === "GET" && path === "/longshore/v1/trash" ? { status: 200, body: hostileTrash } : undefined,
  );
  const app = await place.launch([`--socket=${socketPath}`]);
  try {
    const page = await app.firstWindow();
    await page.getByRole("link", { name: /^Trash/ }).click();
    await expect(page.getByRole("row").nth(1)).toContainText(hostile);
    await page.getByRole("button", { name: /^Delete .* forever/ }).click();
    await expect(page.getByRole("alertdialog")).toContainText(hostile);
    expect(await page.locator("img").count()).toBe(0);
    await page.keyboard.press("Escape");
    // The engine has no such entry, and says so.
    await page.getByRole("button", { name: /^Restore/ }).click();
    await expect(page.getByRole("status", { name: "Messages" })).toContainText("No such entry in the trash");
    expect(await page.title()).toBe("Longshore");
  } finally {
    await app.close();
  }
});

test("on another engine a removal is for good, and the window says so", async ({ engine }) => {
  await using place = await openWindowPlace();
  const socketPath = join(place.folder, "proxy.sock");
  await using _ = await openProxy(engine.socketPath, socketPath, (_method, path) =>
    path.startsWith("/longshore/") ? { status: 404, body: { message: "page not found" } } : undefined,
  );
  const id = await engine.run("foreign", writes);
  await engine.docker.createVolume({ Name: "foreign-data" });
  const app = await place.launch([`--socket=${socketPath}`]);
  try {
    const page = await app.firstWindow();
    await expect(page.getByText("Joined another engine")).toBeVisible();
    await expect(page.getByRole("link", { name: /^Trash/ })).toHaveCount(0);
    await expect(page.getByRole("link", { name: /^Engine/ })).toHaveAttribute("title", "Engine (Ctrl+5)");
    await forGood(page, engine, id, "foreign", "This engine has no trash");
    expect(await names(engine)).toEqual([]);
    // The bridge refuses what this engine cannot do, and nothing is removed.
    const kept = await engine.run("kept", writes);
    const answer = await page.evaluate(
      (container) =>
        (
          window as unknown as { longshore: { call(name: string, args: object): Promise<unknown> } }
        ).longshore.call("containers.remove", { id: container, force: true, volumes: true, forGood: false }),
      kept,
    );
    expect(answer).toMatchObject({ ok: false, error: { kind: "engine", status: 404 } });
    expect(await containers(engine)).toContain("/kept");
  } finally {
    await app.close();
  }
});

test("with the trash off a removal is for good, and the window says so", async () => {
  await using place = await openWindowPlace();
  await using engine = await openEngine(["--trash-quota", "0"]);
  const id = await engine.run("off", writes);
  await engine.docker.createVolume({ Name: "off-data" });
  const app = await place.launch([`--socket=${engine.socketPath}`]);
  try {
    const page = await app.firstWindow();
    await forGood(page, engine, id, "off", "The engine’s trash is off");
    await page.getByRole("link", { name: /^Trash/ }).click();
    await expect(page.getByRole("heading", { name: "The trash is off" })).toBeVisible();
    await look(page, "trash-off");
  } finally {
    await app.close();
  }
});

/** Removes container NAME and volume NAME-data by the window; both are asked for, and gone. */
async function forGood(
  page: Page,
  engine: EngineUnderTest,
  id: string,
  name: string,
  why: string,
): Promise<void> {
  await rowOf(page, id).focus();
  await page.keyboard.press("Delete");
  const dialog = page.getByRole("alertdialog", { name: `Remove ${name}?` });
  await expect(dialog).toContainText(`${why}: what it wrote on top of its image is lost for good.`);
  await look(page, `remove-for-good-${name}`);
  await dialog.getByRole("button", { name: `Remove ${name}` }).click();
  await expect(rowOf(page, id)).toHaveCount(0);
  expect(await containers(engine)).not.toContain(`/${name}`);
  await expect(page.getByRole("button", { name: /^Undo/ })).toHaveCount(0);
  await page.getByRole("link", { name: /^Volumes/ }).click();
  await page.getByRole("row", { name: new RegExp(`^${name}-data`) }).focus();
  await page.keyboard.press("Delete");
  const volume = page.getByRole("alertdialog", { name: "Remove this volume and its data?" });
  await expect(volume).toContainText(`${why}: what is in it is deleted for good.`);
  const sure = volume.getByRole("button", { name: "Remove volume" });
  await expect(sure).toBeDisabled();
  await volume.getByLabel(`Type ${name}-data to confirm`).fill(`${name}-data`);
  await look(page, `remove-volume-for-good-${name}`);
  await sure.click();
  await expect.poll(() => volumes(engine)).not.toContain(`${name}-data`);
}
