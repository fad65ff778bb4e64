import { once } from "node:events";
import net from "node:net";
import { describe, expect, test } from "vitest";
import type { DnsServer, DnsView, DnsZone, ThreadedDnsServer } from "./contract.ts";
import type { DnsReply, RecordType } from "./testing.ts";

/** A server with clients. Disposing it ends the server. */
export interface DnsPlace<S extends DnsServer = DnsServer> extends AsyncDisposable {
  readonly server: S;
  /** Attaches fresh sockets of 127.0.0.1; resolves, with the port of the TCP one, as the server does. */
  attach(key: string, view: DnsView): Promise<number>;
  /** Asks on the sockets that `key` got last; undefined when nobody answers. */
  ask(key: string, name: string, type?: RecordType, by?: "udp" | "tcp"): Promise<DnsReply | undefined>;
}
interface ThreadedPlace extends DnsPlace<ThreadedDnsServer> {
  /** Lets the server's thread fail; resolves once it is begun anew. */
  fail(): Promise<void>;
}

const front: DnsZone = {
  names: { web: ["10.0.0.2", "fd00::2"], db: ["10.0.0.4"], many: ["10.0.0.5", "10.0.0.6", "10.0.0.7"] },
  reverse: { "10.0.0.2": "web.front", "fd00::2": "web.front" },
};
const back: DnsZone = {
  names: { web: ["10.1.0.2"], queue: ["10.1.0.3"] },
  reverse: { "10.1.0.3": "queue.back" },
};
const nothing: DnsZone = { names: {}, reverse: {} };
const view = (more: Partial<DnsView> = {}): DnsView => ({
  own: nothing,
  zones: ["front"],
  servers: [],
  keepsShortNames: false,
  ...more,
});
const found = (...values: readonly string[]): DnsReply => ({ code: "ok", values });
const noName: DnsReply = { code: "no name", values: [] };

/** True while somebody holds a listening socket on `port`. */
async function isListening(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** What every ThreadedDnsServer does without asking anybody else. */
export function dnsConformance(what: string, make: () => Promise<ThreadedPlace>): void {
  const open = async (): Promise<ThreadedPlace> => {
    const place = await make();
    await place.server.setZone("front", front);
    await place.server.setZone("back", back);
    return place;
  };

  describe(`${what} is a ThreadedDnsServer`, () => {
    test("a name of the view's zone has its addresses by family, whatever its letters' case, by UDP and TCP", async () => {
      await using place = await open();
      await place.attach("a", view());
      expect(await place.ask("a", "web")).toEqual(found("10.0.0.2"));
      expect(await place.ask("a", "WeB", "A", "tcp")).toEqual(found("10.0.0.2"));
      expect(await place.ask("a", "web", "AAAA")).toEqual(found("fd00:0:0:0:0:0:0:2"));
    });

    test("a name without such a record is ours and empty; a stranger is none, or refused when it has a dot", async () => {
      await using place = await open();
      await place.attach("a", view());
      expect(await place.ask("a", "db", "AAAA")).toEqual(found());
      expect(await place.ask("a", "queue")).toEqual(noName);
      expect(await place.ask("a", "constructor")).toEqual(noName);
      expect(await place.ask("a", "example.test")).toEqual({ code: "refused", values: [] });
    });

    test("several addresses come in turning order", async () => {
      await using place = await open();
      await place.attach("a", view());
      const firsts: (string | undefined)[] = [];
      for (let round = 0; round < 3; round++) {
        const { values } = (await place.ask("a", "many")) ?? found();
        expect(values.toSorted()).toEqual(["10.0.0.5", "10.0.0.6", "10.0.0.7"]);
        firsts.push(values[0]);
      }
      expect(new Set(firsts).size).toBe(3);
    });

    test("an address has the name that its zone gives it, of zones in view only", async () => {
      await using place = await open();
      await place.attach("a", view());
      expect(await place.ask("a", "2.0.0.10.in-addr.arpa", "PTR")).toEqual(found("web.front"));
      const nibbles = `${"2".padEnd(30, "0")}df`.split("").join(".");
      expect(await place.ask("a", `${nibbles}.ip6.arpa`, "PTR")).toEqual(found("web.front"));
      expect(await place.ask("a", "3.0.1.10.in-addr.arpa", "PTR")).toEqual({ code: "refused", values: [] });
    });

    test("own names come before the zones', zones answer in order, and each client has its own view", async () => {
      await using place = await open();
      const own = { names: { web: ["127.0.0.2"] }, reverse: {} };
      await place.attach("own", view({ own, zones: ["back", "front"] }));
      await place.attach("both", view({ zones: ["back", "front"] }));
      await place.attach("none", view({ zones: ["nowhere"] }));
      expect(await place.ask("own", "web")).toEqual(found("127.0.0.2"));
      expect(await place.ask("both", "web")).toEqual(found("10.1.0.2"));
      expect(await place.ask("both", "db")).toEqual(found("10.0.0.4"));
      expect(await place.ask("none", "web")).toEqual(noName);
    });

    test("setZone() replaces a zone whole, also for who is attached; undefined removes it", async () => {
      await using place = await open();
      await place.attach("a", view());
      await place.server.setZone("front", { names: { other: ["10.0.0.9"] }, reverse: {} });
      expect(await place.ask("a", "web")).toEqual(noName);
      expect(await place.ask("a", "other")).toEqual(found("10.0.0.9"));
      await place.server.setZone("front", undefined);
      expect(await place.ask("a", "other")).toEqual(noName);
      await place.server.setZone("front", undefined);
    });

    test("update() replaces the view of who is attached, and ignores who is not", async () => {
      await using place = await open();
      await place.attach("a", view());
      await place.server.update("a", view({ zones: ["back"] }));
      await place.server.update("nobody", view());
      expect(await place.ask("a", "web")).toEqual(found("10.1.0.2"));
      expect(await place.ask("nobody", "web")).toBeUndefined();
    });

    test("attach() under a key that is taken puts the new sockets and view in the place of the old", async () => {
      await using place = await open();
      const before = await place.attach("a", view());
      expect(await isListening(before)).toBe(true);
      const after = await place.attach("a", view({ zones: ["back"] }));
      expect(await place.ask("a", "web")).toEqual(found("10.1.0.2"));
      expect([await isListening(before), await isListening(after)]).toEqual([false, true]);
    });

    test("detach() ends the answers of its key only; twice and for a stranger it is success", async () => {
      await using place = await open();
      const port = await place.attach("a", view());
      await place.attach("b", view());
      await place.server.detach("a");
      expect(await isListening(port)).toBe(false);
      await place.server.detach("a");
      await place.server.detach("nobody");
      expect(await place.ask("a", "web")).toBeUndefined();
      expect(await place.ask("b", "web")).toEqual(found("10.0.0.2"));
    });

    test("calls take effect in the order they were made", async () => {
      await using place = await open();
      await place.attach("a", view());
      await Promise.all([
        place.server.setZone("front", back),
        place.server.update("a", view({ zones: ["back"] })),
        place.server.setZone("front", undefined),
        place.server.setZone("back", front),
      ]);
      expect(await place.ask("a", "db")).toEqual(found("10.0.0.4"));
    });

    test("onRestart() is told of a thread begun anew, which knows no zone, has no socket and takes calls", async () => {
      await using place = await open();
      let restarts = 0;
      place.server.onRestart(() => restarts++);
      await place.attach("a", view());
      await place.fail();
      expect(restarts).toBe(1);
      expect(await place.ask("a", "web")).toBeUndefined();
      await place.attach("a", view({ zones: ["front", "back"] }));
      expect(await place.ask("a", "web")).toEqual(noName);
      await place.server.setZone("back", back);
      expect(await place.ask("a", "web")).toEqual(found("10.1.0.2"));
    });

    test("after dispose, twice as well, nobody answers, changes are refused, and detach() is success", async () => {
      await using place = await open();
      const port = await place.attach("a", view());
      await place.server[Symbol.asyncDispose]();
      expect(await isListening(port)).toBe(false);
      await place.server[Symbol.asyncDispose]();
      expect(await place.ask("a", "web")).toBeUndefined();
      await expect(place.server.setZone("front", front)).rejects.toMatchObject({ kind: "unavailable" });
      await expect(place.server.update("a", view())).rejects.toMatchObject({ kind: "unavailable" });
      await place.server.detach("a");
    });
  });
}

/** A server elsewhere that knows `example.test` as 192.0.2.9 and no other name. */
interface ForwardingPlace extends DnsPlace {
  readonly upstream: string;
  /** An address where nobody answers. */
  readonly nobody: string;
}

/** What every DnsServer does with names that it doesn't know. */
export function forwardingConformance(what: string, make: () => Promise<ForwardingPlace>): void {
  describe(`${what} forwards`, () => {
    test("a name that is not its own is asked of the view's servers, in order, past those that don't answer", async () => {
      await using place = await make();
      await place.attach("a", view({ servers: [place.nobody, place.upstream] }));
      expect(await place.ask("a", "example.test")).toEqual(found("192.0.2.9"));
      expect(await place.ask("a", "Example.TEST", "A", "tcp")).toEqual(found("192.0.2.9"));
      expect(await place.ask("a", "missing.test")).toEqual(noName);
    });

    test("a name of its own is never asked elsewhere", async () => {
      await using place = await make();
      const own = { names: { "example.test": ["10.0.0.1"] }, reverse: {} };
      await place.attach("a", view({ own, servers: [place.upstream] }));
      expect(await place.ask("a", "example.test")).toEqual(found("10.0.0.1"));
      expect(await place.ask("a", "example.test", "AAAA")).toEqual(found());
    });

    test("a name without a dot is kept from the servers where the view says so", async () => {
      await using place = await make();
      await place.attach("a", view({ servers: [place.nobody], keepsShortNames: true }));
      expect(await place.ask("a", "example")).toEqual(noName);
      await place.server.update("a", view({ servers: [place.nobody] }));
      expect(await place.ask("a", "example")).toEqual({ code: "server failure", values: [] });
    });
  });
}
