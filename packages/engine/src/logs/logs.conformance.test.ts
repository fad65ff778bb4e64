import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { silentLogger } from "#kernel";
import { encodeLogEntry, LOG_DATA_FILE, LOG_ENTRY_BYTES, LOG_INDEX_FILE, LOG_START_FILE } from "#spec";
import { logsConformance } from "./conformance.ts";
import { openLogs } from "./index.ts";
import { FakeLogs } from "./testing.ts";

/** Nobody listens there: a port below all that systems give out. */
const DEAD = "tcp://127.0.0.1:1";

logsConformance("the reader of files", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "longshore-logs-"));
  const sent: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let waiting = "";
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const lines = (waiting + bytes.toString()).split("\n");
      waiting = lines.pop() ?? "";
      sent.push(...lines.map((line) => line.replace(/^.*? lsht\[\d+\]: /, "")));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const logs = openLogs({ log: silentLogger });
  return {
    logs,
    directory: (number) => path.join(folder, String(number)),
    run: (directory) => {
      const begun = new Set<string>();
      return (stream, text, timeNano = BigInt(Date.now()) * 1_000_000n) => {
        mkdirSync(directory, { recursive: true });
        const data = path.join(directory, LOG_DATA_FILE);
        const offset = statSync(data, { throwIfNoEntry: false })?.size ?? 0;
        const entry = Buffer.alloc(LOG_ENTRY_BYTES);
        encodeLogEntry({ offset, timeNano, stream, isRunStart: !begun.has(stream) }, entry, 0);
        begun.add(stream);
        appendFileSync(path.join(directory, LOG_INDEX_FILE), entry);
        appendFileSync(data, text);
      };
    },
    drop: (directory, offset) => writeFileSync(path.join(directory, LOG_START_FILE), String(offset)),
    server: `tcp://127.0.0.1:${port}`,
    deadServer: DEAD,
    sent: () => sent,
    [Symbol.asyncDispose]: async () => {
      await logs[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

logsConformance("the fake", async () => {
  const logs = new FakeLogs([DEAD]);
  return {
    logs,
    directory: (number) => `/nowhere/${number}`,
    run: (directory) => {
      const write = logs.writer(directory);
      return (stream, text, timeNano) => write(stream, Buffer.from(text), timeNano);
    },
    drop: (directory, offset) => logs.drop(directory, offset),
    server: "tcp://127.0.0.1:2",
    deadServer: DEAD,
    sent: (directory) => logs.sent(directory),
    [Symbol.asyncDispose]: () => logs[Symbol.asyncDispose](),
  };
});
