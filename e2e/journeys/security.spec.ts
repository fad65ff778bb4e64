import { expect, rowOf, test } from "./all.ts";

test("the page has no Node, no foreign origin, and a closed policy", async ({ page, opened }) => {
  const seen = await page.evaluate(async () => ({
    process: typeof (globalThis as Record<string, unknown>)["process"],
    require: typeof (globalThis as Record<string, unknown>)["require"],
    origin: window.location.origin,
    policy: (await fetch("/index.html")).headers.get("content-security-policy"),
    outside: await fetch("http://127.0.0.1:9/").then(
      () => "reached",
      () => "blocked",
    ),
    popup: window.open("https://example.invalid/") === null ? "denied" : "opened",
    evaluated: ((): string => {
      try {
        // oxlint-disable-next-line no-eval -- that the page refuses it is the question
        return String((0, eval)("1+1"));
      } catch {
        return "blocked";
      }
    })(),
    permission: await navigator.permissions.query({ name: "geolocation" }).then((state) => state.state),
  }));
  expect(seen).toMatchObject({
    process: "undefined",
    require: "undefined",
    outside: "blocked",
    popup: "denied",
    evaluated: "blocked",
    permission: "denied",
  });
  expect(seen.policy).toContain("default-src 'none'");
  const preferences = await opened.app.evaluate(({ webContents }) => {
    const contents = webContents.getAllWebContents()[0] as unknown as {
      getLastWebPreferences(): Record<string, unknown>;
    };
    const { sandbox, contextIsolation, nodeIntegration, webSecurity } = contents.getLastWebPreferences();
    return { sandbox, contextIsolation, nodeIntegration, webSecurity };
  });
  expect(preferences).toEqual({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    webSecurity: true,
  });
});

test("hostile output stays text", async ({ page, engine }) => {
  const nasty = `<img src=x onerror=alert(1)><script>document.title='owned'</script>`;
  const id = await engine.run(
    "hostile",
    ["sh", "-c", `echo "${nasty}"; printf '\\033]0;owned\\007\\033]52;c;b3duZWQ=\\007ok\\n'; sleep 600`],
    {
      Labels: { "longshore.journey": "1", "com.docker.compose.project": nasty },
    },
  );
  await expect(rowOf(page, id)).toBeVisible();
  await rowOf(page, id).click();
  await page.getByRole("tab", { name: "Logs" }).click();
  await expect(page.getByRole("log")).toContainText("<img src=x onerror=alert(1)>");
  expect(await page.locator("img").count()).toBe(0);
  expect(await page.title()).toBe("Longshore");
});

test("the page cannot navigate away", async ({ page }) => {
  await page.evaluate(() => window.location.assign("https://example.invalid/"));
  await page.waitForTimeout(300);
  expect(page.url()).toContain("app://longshore/");
  // The driver would wait for the refused navigation for ever.
  await page.reload();
});

test("the bridge refuses unknown names and wrong arguments", async ({ page }) => {
  const answers = await page.evaluate(async () => {
    const bridge = (
      window as unknown as { longshore: { call(name: string, args: unknown): Promise<unknown> } }
    ).longshore;
    return await Promise.all([
      bridge.call("fs.read", { path: "/etc/passwd" }),
      bridge.call("__proto__", {}),
      bridge.call("containers.act", { id: "x", action: "explode" }),
      bridge.call("containers.inspect", { id: "x", more: 1 }),
      bridge.call("containers.remove", { id: "x", force: true, volumes: true }),
      bridge.call("trash.empty", {}),
      bridge.call("trash.empty", { ids: "all" }),
      bridge.call("trash.restore", { id: "x", name: "", volumes: { a: 1 } }),
      bridge.call("links.open", { url: "file:///etc/passwd" }),
      bridge.call("links.open", { url: "http://127.0.0.1:1/" }),
    ]);
  });
  for (const answer of answers) expect(answer).toMatchObject({ ok: false, error: { kind: "invalid" } });
});
