import { expect, look, rowOf, test } from "./all.ts";
import { busyHarbour, loadImages } from "./harbour.ts";

test("every screen of a busy harbour is readable in both themes", async ({ page, engine }) => {
  test.setTimeout(180_000);
  await loadImages(engine);
  const ids = await busyHarbour(engine);
  const idOf = (name: string): string => ids.get(name) ?? "";
  const show = async (address: string): Promise<void> =>
    await page.evaluate((hash) => void (window.location.hash = hash), address);

  await expect(rowOf(page, idOf("cache"))).toContainText("Paused");
  await expect(rowOf(page, idOf("shop-web-1")).locator(".cell-memory")).toContainText("B");
  await page.waitForTimeout(2_500);
  await look(page, "busy-list");
  await expect(rowOf(page, idOf("probe"))).toContainText("Unhealthy", { timeout: 30_000 });
  await rowOf(page, idOf("probe")).click();
  await expect(page.getByText("GET /health: 503")).toBeVisible();
  await look(page, "busy-unhealthy");
  await rowOf(page, idOf("metrics-store-1")).click();
  await expect(page.getByRole("link", { name: "metrics-data" })).toBeVisible();
  await look(page, "busy-overview");
  await page.getByRole("button", { name: "Full width" }).click();
  await look(page, "busy-overview-full");
  await page.getByRole("button", { name: "Show the list" }).click();
  await show(`#/containers/${idOf("shop-api-1")}/files`);
  await page.locator('[data-path="/etc"]').click();
  await expect(page.locator('[data-path="/etc/blob"]')).toBeVisible();
  await look(page, "busy-files");

  await show("#/images");
  await expect(page.getByText("harbour/web:2.4")).toBeVisible();
  await look(page, "busy-images");
  await page.getByText("harbour/web:2.4").click();
  await expect(page.getByRole("option", { name: /apk add/ })).toBeVisible();
  await look(page, "busy-layers");
  await page.getByRole("option", { name: /apk add/ }).click();
  await page.locator('[data-path="/etc"]').click();
  await page.locator('[data-path="/etc/motd"]').click();
  await page.getByRole("button", { name: "Full width" }).click();
  await look(page, "busy-layers-full");
  await page.getByRole("button", { name: "Show the list" }).click();

  await show("#/volumes/metrics-data");
  await expect(page.getByRole("link", { name: "metrics-store-1" })).toBeVisible();
  await look(page, "busy-volumes");
  await show("#/networks");
  await look(page, "busy-networks");
  await page
    .getByRole("row", { name: /bridge/ })
    .first()
    .click();
  await expect(page.getByRole("link", { name: "postgres" })).toBeVisible();
  await look(page, "busy-network");
  await show("#/engine");
  await expect(page.getByText(/API 1\./)).toBeVisible();
  await expect(page.locator(".engine-page")).toContainText(/Window\d+\.\d+\.\d+/);
  await look(page, "busy-engine");
  await show("#/containers");
  await page.keyboard.press("?");
  await expect(page.getByRole("heading", { name: "Keyboard" })).toBeVisible();
  await look(page, "help");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await look(page, "palette-empty");
  await page.keyboard.press("Escape");
});
