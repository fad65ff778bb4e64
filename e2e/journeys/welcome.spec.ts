import { expect, look, test } from "./all.ts";

test("one click on the welcome screen runs a container that answers, and its port opens in the browser", async ({
  page,
  engine,
  opened,
}) => {
  test.skip(!engine.isLongshore, "only our own engine carries the starter image");
  await expect(page.getByRole("heading", { name: "No containers yet" })).toBeVisible();
  await look(page, "welcome");
  await page.getByRole("button", { name: "Run a first container" }).click();
  await expect(page.getByText(/^Running for/)).toBeVisible();
  const [row] = await engine.docker.listContainers({ all: true });
  expect(row).toMatchObject({ State: "running", Image: "longshore/starter:latest" });
  const port = row?.Ports.find((one) => one.PrivatePort === 8080)?.PublicPort ?? 0;
  await expect
    .poll(() => fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text(), String))
    .toContain("It runs");
  await look(page, "first-container");

  await opened.app.evaluate(({ shell }) => {
    const seen: string[] = [];
    Object.assign(globalThis, { seenLinks: seen });
    shell.openExternal = (url: string) => {
      seen.push(url);
      return Promise.resolve();
    };
  });
  await page
    .getByRole("region", { name: /^Container/ })
    .getByRole("link", { name: new RegExp(`^${port} →`) })
    .click();
  await expect
    .poll(() => opened.app.evaluate(() => (globalThis as unknown as { seenLinks: string[] }).seenLinks))
    .toEqual([`http://localhost:${port}/`]);
  await engine.docker.getContainer(row?.Id ?? "").remove({ force: true });
  await expect(page.getByText("This container is gone")).toBeVisible();
  await page.getByRole("button", { name: "Back to the list" }).click();
  await engine.docker.getImage("longshore/starter:latest").remove({ force: true });
});
