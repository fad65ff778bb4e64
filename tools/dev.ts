import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { join } from "node:path";
import { buildApp } from "./build-app.ts";

const root = join(import.meta.dirname, "..");
const QUIET_MS = 150;
const MAIN = ["apps/main/src", "packages/client/src", "packages/protocol/src"];
const PAGE = ["apps/renderer/src", "packages/ui/src"];

/** `npm run dev`: the window as `npm start` opens it; a change of the page reloads it, a change of the main process opens it anew. */
async function dev(): Promise<void> {
  await buildApp();
  let address = "";
  let isEnding = false;
  let child = open();
  let timer: NodeJS.Timeout | undefined;
  let isMainOld = false;
  for (const folder of [...MAIN, ...PAGE])
    watch(join(root, folder), { recursive: true }, () => {
      isMainOld ||= MAIN.includes(folder);
      clearTimeout(timer);
      timer = setTimeout(() => void renew(), QUIET_MS);
    });

  function open(): ReturnType<typeof spawn> {
    const args = [
      join(root, "tools/start.ts"),
      ...process.argv.slice(2),
      "--remote-debugging-port=0",
      "--log-level=0",
    ];
    const started = spawn(process.execPath, args, { stdio: ["inherit", "inherit", "pipe"] });
    started.stderr?.on("data", (chunk: Buffer) => {
      process.stderr.write(chunk);
      address = /DevTools listening on ws:\/\/([\d.:]+)\//.exec(chunk.toString())?.[1] ?? address;
    });
    // Closed by a person and not for a new one: then this ends too.
    started.once("exit", (code) => {
      if (started === child && !isMainOld) process.exit(code ?? 0);
    });
    return started;
  }

  async function renew(): Promise<void> {
    if (isEnding) return;
    try {
      await buildApp();
    } catch (error) {
      console.error(error);
      return;
    }
    if (!isMainOld) return await reloadPage(address);
    const old = child;
    const gone = new Promise((done) => old.once("exit", done));
    old.kill("SIGTERM");
    await gone;
    isMainOld = false;
    child = open();
  }

  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      isEnding = true;
      child.kill(signal);
    });
}

async function reloadPage(address: string): Promise<void> {
  const targets = (await (await fetch(`http://${address}/json`)).json()) as {
    readonly type: string;
    readonly webSocketDebuggerUrl: string;
  }[];
  for (const target of targets.filter(({ type }) => type === "page")) {
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    socket.addEventListener("open", () => socket.send(JSON.stringify({ id: 1, method: "Page.reload" })));
    socket.addEventListener("message", () => socket.close());
  }
}

await dev();
