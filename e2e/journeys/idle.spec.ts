import { createServer, createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { openEngine } from "./engine-under-test.ts";
import { openQuietWindow } from "./quiet-window.ts";
import { openWindowPlace } from "./window-under-test.ts";

const LIST = `document.querySelectorAll("[role=row][data-id]").length`;
const MEASURED = `[...document.querySelectorAll(".cell-memory.number")].filter((cell) => cell.textContent !== "").length`;

test("a window asks about the containers in view only, and a hidden one about nothing", async () => {
  test.setTimeout(120_000);
  await using place = await openWindowPlace();
  await using engine = await openEngine();
  const ids = new Set<string>();
  for (let at = 0; at < 30; at++) ids.add(await engine.run(`idle-${at}`, ["sleep", "3600"]));
  await using wire = await listenBetween(join(place.folder, "between.sock"), engine.socketPath);
  await using quiet = await openQuietWindow(place, [`--socket=${wire.path}`]);
  const inPage = async <T>(expression: string): Promise<T> =>
    await quiet.ask<T>(
      `electron.BrowserWindow.getAllWindows()[0]?.webContents.executeJavaScript(${JSON.stringify(expression)})`,
    );
  const asked = (): readonly string[] =>
    wire.requests.map((line) => /\/containers\/([^/]+)\/stats/.exec(line)?.[1] ?? "").filter(Boolean);

  await expect.poll(() => inPage<number>(MEASURED), { timeout: 30_000 }).toBeGreaterThan(5);
  const inView = await inPage<number>(
    `(() => { const view = document.querySelector("[role=treegrid]"); return Math.ceil(view.clientHeight / 36) + 1; })()`,
  );
  const first = new Set(asked());
  expect(first.size).toBeGreaterThan(5);
  expect(first.size).toBeLessThanOrEqual(inView);
  expect(first.size).toBeLessThan(ids.size);

  // Every row that is asked about has its meter; from then on containers that do nothing change nothing on the page, however often
  // they are measured. The kernel may take pages back from one of them meanwhile, and that is shown: so one quiet stretch of two rounds
  // is wanted, not the first one. Were rows drawn at each round, no stretch would be quiet.
  await expect.poll(() => inPage<number>(MEASURED), { timeout: 20_000 }).toBe(new Set(asked()).size);
  await inPage(
    `(() => {
      window.seen = [];
      const meter = ({ target }) => (target.parentElement ?? target).closest(".cell-cpu, .cell-memory");
      const note = (one) => one && window.seen.push(one.closest("[role=row]").dataset.id.slice(0, 12) + " " + one.textContent);
      const observer = new MutationObserver((all) => all.map(meter).forEach(note));
      const what = { subtree: true, childList: true, characterData: true, attributes: true };
      observer.observe(document.querySelector("[role=rowgroup]"), what);
    })()`,
  );
  const changedInTwoRounds = async (): Promise<string[]> => {
    await inPage("window.seen.length = 0");
    const before = asked().length;
    await expect.poll(() => asked().length, { timeout: 20_000 }).toBeGreaterThan(before + 2 * first.size - 1);
    return await inPage<string[]>("window.seen");
  };
  await expect.poll(changedInTwoRounds, { timeout: 60_000 }).toEqual([]);
  expect(await inPage<number>("document.getAnimations().length")).toBe(0);

  // Every process there is has its reason: none stands by for a network that is never used.
  expect(
    await quiet.ask<string[]>("electron.app.getAppMetrics().map(({ type }) => type).toSorted()"),
  ).toEqual(["Browser", "GPU", "Tab"]);

  await quiet.ask("electron.BrowserWindow.getAllWindows()[0].hide()");
  await expect.poll(() => inPage<boolean>("document.hidden")).toBe(true);
  // What was on its way when the window hid may still arrive; after that there must be silence for two rounds and more.
  await new Promise((done) => setTimeout(done, 1_000));
  const atRest = wire.requests.length;
  await new Promise((done) => setTimeout(done, 7_000));
  expect(wire.requests.slice(atRest)).toEqual([]);

  await quiet.ask("electron.BrowserWindow.getAllWindows()[0].show()");
  await expect.poll(() => wire.requests.length, { timeout: 10_000 }).toBeGreaterThan(atRest);
  expect(await inPage<number>(LIST)).toBeGreaterThan(0);
});

interface Wire extends AsyncDisposable {
  readonly path: string;
  /** The first line of every request that went through. */
  readonly requests: readonly string[];
}

/** A socket in front of the engine's that passes bytes on and keeps the request lines. */
async function listenBetween(path: string, target: string): Promise<Wire> {
  const requests: string[] = [];
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const engine = createConnection(target);
    for (const socket of [client, engine]) {
      open.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => open.delete(socket));
    }
    client.on("data", (bytes: Buffer) => {
      for (const [line] of bytes
        .toString("latin1")
        .matchAll(/^(?:GET|POST|PUT|DELETE|HEAD) \S+ HTTP\/1\.1/gm))
        requests.push(line);
    });
    client.pipe(engine).pipe(client);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(path, resolve);
  await promise;
  return {
    path,
    requests,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
