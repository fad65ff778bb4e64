import { expect, look, rowOf, test } from "./all.ts";

test("attach speaks with the main process on its own terminal, and resizes it", async ({ page, engine }) => {
  const id = await engine.run("main-tty", ["sh"], { Tty: true, OpenStdin: true });
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Terminal" }).click();
  const screen = page.locator(".xterm-rows");
  await expect(screen).toContainText("#");
  await page.getByRole("button", { name: "Close terminal 1" }).click();
  await page.getByRole("button", { name: "Attach to the main process" }).click();
  await page.locator(".xterm-helper-textarea").focus();
  // $$ is 1 only in the container's own main process.
  await page.keyboard.type("echo pid=$$; stty size\n");
  await expect(screen).toContainText("pid=1");
  const rows = await screen.locator("> div").count();
  await expect(screen).toContainText(new RegExp(`${rows} \\d{2,3}`));
  await page.keyboard.type("exit 7\n");
  await expect(page.getByText("Ended with exit code 7.")).toBeVisible();
  expect((await engine.docker.getContainer(id).inspect()).State.ExitCode).toBe(7);
  await look(page, "terminal-ended");
  await page.getByRole("button", { name: "Close terminal 1" }).click();
});

test("several terminals live side by side, behind other pages too, and one opens again after a restart", async ({
  page,
  engine,
}) => {
  const id = await engine.run("many-shells", ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]);
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Terminal" }).click();
  const screen = page.locator(".xterm-rows");
  const type = async (text: string): Promise<void> => {
    await page.locator(".xterm-helper-textarea").focus();
    await page.keyboard.type(text);
  };
  await expect(screen).toContainText("#");
  await type("WHO=first\n");
  await page.getByRole("button", { name: "New shell" }).click();
  await expect(page.getByRole("button", { name: /^2 sh/ })).toHaveAttribute("aria-pressed", "true");
  await expect(screen).toContainText("#");
  await type("WHO=second; echo i am $WHO\n");
  await expect(screen).toContainText("i am second");
  await page.keyboard.press("F6");
  await expect(page.locator(".xterm-helper-textarea")).not.toBeFocused();
  await page.getByRole("link", { name: /^Images/ }).click();
  await page.getByRole("link", { name: /^Containers/ }).click();
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Terminal" }).click();
  await expect(screen).toContainText("i am second");
  await page.getByRole("button", { name: /^1 sh/ }).click();
  await type("echo i am $WHO\n");
  await expect(screen).toContainText("i am first");
  await engine.docker.getContainer(id).restart({ t: 5 });
  await expect(page.getByRole("button", { name: "Open again" })).toBeVisible();
  await page.getByRole("button", { name: "Open again" }).click();
  await expect(page.getByRole("button", { name: "Open again" })).toHaveCount(0);
  await expect(screen).toContainText("#");
  await type("echo again=$((6*7))\n");
  await expect(screen).toContainText("again=42");
  while ((await page.getByRole("button", { name: /^Close terminal/ }).count()) > 0)
    await page
      .getByRole("button", { name: /^Close terminal/ })
      .first()
      .click();
});

test("a paste of several lines asks first", async ({ page, engine }) => {
  const id = await engine.run("pasted", ["sleep", "600"]);
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Terminal" }).click();
  const screen = page.locator(".xterm-rows");
  await expect(screen).toContainText("#");
  const paste = (text: string): Promise<void> =>
    page.locator(".xterm-helper-textarea").evaluate((area, pasted) => {
      const data = new DataTransfer();
      data.setData("text/plain", pasted);
      area.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }),
      );
    }, text);
  await paste("echo one\necho two\n");
  await expect(page.getByText(/^Paste 3 lines\?/)).toBeVisible();
  await look(page, "terminal-paste");
  await page.getByRole("button", { name: "Cancel" }).click();
  await paste("echo sin$((1))gle");
  await page.keyboard.press("Enter");
  await expect(screen).toContainText("sin1gle");
  await expect(screen).not.toContainText("echo one");
  await page.getByRole("button", { name: "Close terminal 1" }).click();
});

test("an image without a shell says so and what to do instead", async ({ page, engine }) => {
  const id = await engine.run("no-shell", ["/bin/busybox", "sleep", "600"]);
  await engine.docker
    .getContainer(id)
    .exec({ Cmd: ["/bin/busybox", "rm", "/bin/sh"] })
    .then((exec) => exec.start({ Detach: true }));
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Terminal" }).click();
  await expect(page.getByText(/holds no shell/)).toBeVisible();
  await page.getByRole("button", { name: "Close terminal 1" }).click();
});
