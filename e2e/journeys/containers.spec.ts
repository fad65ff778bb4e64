import { expect, image, look, rowOf, test } from "./all.ts";

test("a container that the engine starts appears, and one that it removes goes", async ({ page, engine }) => {
  const id = await engine.run("appears", ["sleep", "600"]);
  await expect(rowOf(page, id)).toContainText("Running");
  await expect(rowOf(page, id)).toContainText("appears");
  await look(page, "containers");
  await engine.docker.getContainer(id).remove({ force: true });
  await expect(rowOf(page, id)).toHaveCount(0);
});

test("stop and start in the window are true in the engine", async ({ page, engine }) => {
  const id = await engine.run("toggles", ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]);
  await rowOf(page, id).getByRole("button", { name: "Stop toggles" }).click();
  await expect.poll(async () => (await engine.docker.getContainer(id).inspect()).State.Running).toBe(false);
  await expect(rowOf(page, id)).toContainText("Exited");
  await rowOf(page, id).getByRole("button", { name: "Start toggles" }).click();
  await expect.poll(async () => (await engine.docker.getContainer(id).inspect()).State.Running).toBe(true);
  await expect(rowOf(page, id)).toContainText("Running");
});

test("the list is usable by keyboard alone", async ({ page, engine }) => {
  const id = await engine.run("by-key", ["sleep", "600"]);
  await engine.run("other", ["sleep", "600"]);
  await expect(rowOf(page, id)).toBeVisible();
  await page.keyboard.press("/");
  await page.keyboard.type("by-key");
  await expect(page.locator("[role=treegrid] [role=row][data-id]")).toHaveCount(1);
  await page.keyboard.press("ArrowDown");
  await expect(rowOf(page, id)).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "by-key" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("heading", { name: "by-key" })).toHaveCount(0);
  await page.getByRole("searchbox", { name: "Filter containers" }).fill("");
});

test("overview tells the end of a failed container in words", async ({ page, engine }) => {
  const id = await engine.run("fails", ["sh", "-c", "echo broken >&2; exit 3"]);
  await expect(rowOf(page, id)).toContainText("Exited 3");
  await rowOf(page, id).click();
  await expect(page.getByText(/exit code 3/)).toBeVisible();
  await look(page, "overview");
  await page.getByRole("tab", { name: "Inspect" }).click();
  await expect(page.getByLabel("Inspect document")).toContainText(id);
  await look(page, "inspect");
});

test("the log follows, finds, filters and never yanks", async ({ page, engine }) => {
  const id = await engine.run("writes", [
    "sh",
    "-c",
    "seq 1 3000; echo needle in hay; while :; do echo more; sleep 0.2; done",
  ]);
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Logs" }).click();
  const log = page.getByRole("log");
  await expect(log).toContainText("more");
  await look(page, "logs");
  await page.getByRole("searchbox", { name: "Find in the log" }).fill("needle");
  await expect(page.getByText("1 match")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(log.locator("mark")).toHaveText("needle");
  const before = await log.evaluate((element) => element.scrollTop);
  await page.waitForTimeout(700);
  expect(await log.evaluate((element) => element.scrollTop)).toBe(before);
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await expect(log.locator(".log-line")).toHaveCount(1);
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await page.getByRole("searchbox", { name: "Find in the log" }).fill("");
  await page.getByRole("button", { name: /▼/ }).click();
  await expect(page.getByText(/following/)).toBeVisible();
});

test("a terminal has its size before the first prompt, keeps it with the window, and survives navigation", async ({
  page,
  engine,
}) => {
  // An interactive ash reads $ENV before it prompts: what it prints there is the size at the very start.
  const id = await engine.run("shell", ["sh", "-c", "echo 'stty size' > /etc/shrc; exec sleep 600"], {
    Env: ["ENV=/etc/shrc"],
  });
  await expect
    .poll(async () => ((await engine.docker.getContainer(id).changes()) ?? []).map((change) => change.Path))
    .toContain("/etc/shrc");
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Terminal" }).click();
  const screen = page.locator(".xterm-rows");
  await expect(screen).toContainText("#");
  const size = async (): Promise<readonly [number, number]> => {
    const lines = await screen.locator("> div").allTextContents();
    const found = lines.map((line) => /^(\d+) (\d+)\s*$/.exec(line)).findLast((match) => match !== null);
    return [Number(found?.[1]), Number(found?.[2])];
  };
  const rows = (): Promise<number> => screen.locator("> div").count();
  await expect.poll(async () => (await size())[0]).toBe(await rows());
  const [, startColumns] = await size();
  expect(startColumns).toBeGreaterThan(60);
  await page.getByRole("button", { name: "Full width" }).click();
  await page.locator(".xterm-helper-textarea").focus();
  await page.keyboard.type("clear; echo mark$((40+2)); stty size\n");
  await expect(screen).toContainText("mark42");
  await expect.poll(size).toEqual([await rows(), expect.any(Number)]);
  expect((await size())[1]).toBeGreaterThan(startColumns + 20);
  await page.getByRole("button", { name: "Show the list" }).click();
  await page.keyboard.press("Control+2");
  await page.keyboard.press("Control+1");
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Terminal" }).click();
  await expect(screen).toContainText("mark42");
  await look(page, "terminal");
  await page.getByRole("button", { name: "Close terminal 1" }).click();
});

test("files show what the container changed, and open as text and hex", async ({ page, engine }) => {
  const id = await engine.run("files", ["sh", "-c", "echo new > /etc/made; echo done; sleep 600"]);
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Files" }).click();
  await page.locator('[data-path="/etc"]').click();
  await expect(page.locator('[data-path="/etc/made"]')).toContainText("A");
  await page.locator('[data-path="/etc/motd"]').click();
  await expect(page.getByLabel("Content of /etc/motd")).toContainText("harbour master");
  await page.getByRole("button", { name: "Hex" }).click();
  await expect(page.getByLabel("Content of /etc/motd")).toContainText("68 61 72 62");
  await look(page, "files");
});

test("the run form shows the command, explains faults, and what it runs is what the engine has", async ({
  page,
  engine,
}) => {
  await page.getByRole("button", { name: "Run…" }).click();
  await page.getByLabel("Image").fill(image);
  await page.getByLabel("Name", { exact: true }).fill("formed");
  await page.getByLabel("Command", { exact: true }).fill("sh -c 'echo from the form; sleep 600'");
  await page.getByLabel("Environment").fill("COLOR=teal");
  await page.getByLabel("Memory limit").fill("lots");
  await page.getByRole("dialog").getByRole("button", { name: "Run", exact: true }).click();
  await expect(page.getByText("Write 64m or 1.5g.")).toBeVisible();
  await look(page, "run-form");
  await page.getByLabel("Memory limit").fill("64m");
  await page.getByLabel("Network").selectOption("none");
  await expect(page.getByLabel("docker command")).toContainText("--memory 64m");
  await page.getByRole("dialog").getByRole("button", { name: "Run", exact: true }).click();
  await expect(page.getByRole("log")).toContainText("from the form");
  const made = await engine.docker.getContainer("formed").inspect();
  expect(made.Config.Env).toContain("COLOR=teal");
  expect(made.HostConfig.Memory).toBe(64 * 1024 * 1024);
  await page.getByRole("button", { name: "Remove…" }).click();
  await look(page, "remove-dialog");
  await page.getByRole("button", { name: "Remove formed" }).click();
  await expect
    .poll(() =>
      engine.docker
        .getContainer("formed")
        .inspect()
        .then(
          () => "there",
          () => "gone",
        ),
    )
    .toBe("gone");
});
