import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { expect, look, rowOf, test } from "./all.ts";
import { answerDialogs } from "./dialogs.ts";

const story =
  'i=0; while [ $i -lt 400 ]; do echo "GET /item/$i 200"; i=$((i+1)); done; ' +
  "printf '\\033[31mred alert\\033[0m\\n'; echo 'out of tea' >&2; " +
  "printf 'x%.0s' $(seq 1 900); echo end; exec sleep 600";

async function openLog(page: Page, id: string): Promise<void> {
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Logs" }).click();
  await expect(page.getByRole("log")).toContainText("end");
}

test("lines wrap or run on, carry their times and colours, and tell errors apart", async ({
  page,
  engine,
}) => {
  const id = await engine.run("story", ["sh", "-c", story]);
  await openLog(page, id);
  const log = page.getByRole("log");
  await expect(log.locator('[data-source="stderr"]')).toContainText("out of tea");
  await expect(log.locator(".ansi-1")).toHaveText("red alert");
  const long = log.locator(".log-line", { hasText: "xxxend" });
  const wrapped = await long.evaluate((line) => line.clientHeight);
  expect(wrapped).toBeGreaterThan(100);
  await page.getByRole("button", { name: "Wrap" }).click();
  await expect.poll(() => long.evaluate((line) => line.clientHeight)).toBe(18);
  await page.getByRole("button", { name: "Times" }).click();
  await expect(log.locator(".log-time").first()).toContainText(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/);
  await look(page, "logs-times");
  await page.getByRole("button", { name: "Wrap" }).click();
  await page.getByRole("button", { name: "Times" }).click();
});

test("find walks through matches, a filter hides the rest, a broken expression says so", async ({
  page,
  engine,
}) => {
  const id = await engine.run("search", ["sh", "-c", story]);
  await openLog(page, id);
  const log = page.getByRole("log");
  const find = page.getByRole("searchbox", { name: "Find in the log" });
  await page.getByRole("tab", { name: "Logs" }).focus();
  await log.focus();
  await page.keyboard.press("Control+f");
  await expect(find).toBeFocused();
  await find.fill("item/1[05] ");
  await expect(page.getByText("0 matches")).toBeVisible();
  await page.getByRole("button", { name: "Regular expression" }).click();
  await expect(page.getByText("2 matches")).toBeVisible();
  await find.press("Enter");
  await expect(log.locator(".current mark")).toHaveText("item/10 ");
  await find.press("Enter");
  await expect(log.locator(".current mark")).toHaveText("item/15 ");
  await find.press("Shift+Enter");
  await expect(log.locator(".current mark")).toHaveText("item/10 ");
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await expect(log.locator(".log-line")).toHaveCount(2);
  await expect(page.getByText("2 of 403 lines")).toBeVisible();
  await look(page, "logs-filter");
  await find.fill("item/(");
  await expect(page.getByText("not a valid expression")).toBeVisible();
  await find.press("Escape");
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await page.getByRole("button", { name: "Regular expression" }).click();
});

test("what is shown is copied and saved; scrolling up pauses, and new errors are counted", async ({
  page,
  engine,
  opened,
}) => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-logs-"));
  try {
    const id = await engine.run("keeper", [
      "sh",
      "-c",
      `${story.replace("exec sleep 600", "")} while [ ! -e /etc/go ]; do sleep 0.1; done; echo late; echo bad >&2; exec sleep 600`,
    ]);
    await openLog(page, id);
    const find = page.getByRole("searchbox", { name: "Find in the log" });
    await find.fill("item/39");
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    await page.getByRole("button", { name: "Copy the log" }).click();
    const wanted = ["39", ...Array.from({ length: 10 }, (_, at) => `39${at}`)]
      .map((number) => `GET /item/${number} 200\n`)
      .join("");
    await expect.poll(() => opened.app.evaluate(({ clipboard }) => clipboard.readText())).toBe(wanted);
    const saved = join(folder, "kept.log");
    await answerDialogs(opened.app, { save: saved });
    await page.getByRole("button", { name: "Save the log…" }).click();
    await expect(page.getByText("Saved kept.log")).toBeVisible();
    expect(readFileSync(saved, "utf8")).toBe(wanted);
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    await find.fill("");

    const log = page.getByRole("log");
    await log.hover();
    await page.mouse.wheel(0, -3_000);
    const paused = page.getByRole("button", { name: /▼/ });
    await expect(paused).toBeVisible();
    await page.waitForTimeout(200);
    const before = await log.evaluate((element) => element.scrollTop);
    const exec = await engine.docker.getContainer(id).exec({ Cmd: ["sh", "-c", "echo > /etc/go"] });
    await exec.start({ Detach: true });
    await expect(paused).toContainText("2 new, 1 error");
    expect(await log.evaluate((element) => element.scrollTop)).toBe(before);
    await paused.click();
    await expect(log).toContainText("late");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
