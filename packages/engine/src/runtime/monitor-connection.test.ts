import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { MonitorConnection, MonitorLost } from "./monitor-connection.ts";

/** A monitor that answers nothing; disposing it cuts every connection. */
async function silentMonitor(): Promise<{ file: string; cut: () => void } & AsyncDisposable> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "longshore-connection-"));
  const file = path.join(folder, "monitor.sock");
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => sockets.add(socket.on("error", () => {}).resume()));
  await new Promise<void>((done) => server.listen(file, done));
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    file,
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      await new Promise((done) => server.close(done));
      rmSync(folder, { recursive: true });
    },
  };
}

async function open(file: string): Promise<MonitorConnection> {
  const connection = await MonitorConnection.open(file, () => {});
  if (connection === undefined) throw new Error("the test's own server refuses");
  return connection;
}

test("MonitorConnection.open() is undefined where nobody listens", async () => {
  await expect(MonitorConnection.open("/nowhere/monitor.sock", () => {})).resolves.toBeUndefined();
});

test("MonitorConnection.send() rejects with MonitorLost when the monitor dies over it", async () => {
  await using monitor = await silentMonitor();
  using connection = await open(monitor.file);
  const sent = connection.send("list", {});
  setImmediate(monitor.cut);
  await expect(sent).rejects.toBeInstanceOf(MonitorLost);
});

test("MonitorConnection.send() on a broken connection rejects only when its end is known, so that a repeat finds another", async () => {
  await using monitor = await silentMonitor();
  const connection = await open(monitor.file);
  const order: string[] = [];
  connection[Symbol.dispose](); // broken, but "close" comes a turn later
  void connection.lost.then(() => order.push("lost"));
  await connection.send("list", {}).catch((error: Error) => order.push(error.name));
  expect(order).toEqual(["lost", "MonitorLost"]);
});

test("MonitorConnection takes a monitor that leaves a request and a hello unanswered for stuck, and lets nobody wait for it", async () => {
  await using monitor = await silentMonitor();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const connection = await open(monitor.file);
    const sent = connection.send("list", {});
    sent.catch(() => {});
    vi.advanceTimersByTime(5_000);
    expect(connection.isStuck).toBe(false);
    vi.advanceTimersByTime(5_000);
    expect(connection.isStuck).toBe(true);
    await expect(sent).rejects.toBeInstanceOf(MonitorLost);
  } finally {
    vi.useRealTimers();
  }
});
