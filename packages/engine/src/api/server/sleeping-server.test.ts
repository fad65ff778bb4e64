import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { sleepWithoutConnections } from "./sleeping-server.ts";

test("sleepWithoutConnections() has a clock while there are connections; half a request is cut by it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-sleep-"));
  const started = vi.spyOn(globalThis, "setInterval");
  const server = createServer({ headersTimeout: 1, requestTimeout: 0 });
  const clock = (): unknown => Reflect.get(server, "connectionsCheckingInterval");
  const place = join(folder, "s.sock");
  try {
    sleepWithoutConnections(server, 20);
    server.listen(place);
    await once(server, "listening");
    expect(clock()).toBe(2 ** 31 - 1);
    for (let time = 1; time <= 2; time++) {
      const client = net.connect(place).setEncoding("utf8");
      client.write("GET / HTTP/1.1\r\nHost:");
      const [answer] = await once(client, "data");
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
      expect(clock()).toBe(20);
      if (!client.closed) await once(client, "close");
      await vi.waitUntil(() => clock() !== 20);
      expect(clock()).toBe(2 ** 31 - 1);
      expect(started).toHaveBeenCalledTimes(time);
    }
  } finally {
    started.mockRestore();
    server.close();
    rmSync(folder, { recursive: true });
  }
});
