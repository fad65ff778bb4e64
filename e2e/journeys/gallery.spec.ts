import { join } from "node:path";
import { build } from "vite";
import { expect, look, test } from "./all.ts";

test("the gallery shows every primitive, readable in both themes", async ({ page }) => {
  await build({
    configFile: join(import.meta.dirname, "../../packages/ui/vite.config.ts"),
    logLevel: "warn",
  });
  await page.goto("app://longshore/gallery/index.html");
  try {
    await expect(page.getByRole("heading", { name: "Gallery" })).toBeVisible();
    await look(page, "gallery");
    await page.getByRole("button", { name: "A dialog…" }).click();
    await look(page, "gallery-dialog");
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(page.getByRole("button", { name: "A dialog…" })).toBeFocused();
  } finally {
    await page.goto("app://longshore/");
  }
});
