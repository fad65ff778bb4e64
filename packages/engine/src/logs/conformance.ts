import { describe, expect, test } from "vitest";
import type { LogEntry, LogQuery, Logs, LogSource } from "./contract.ts";
import { linesOf } from "./testing.ts";

type Stream = LogEntry["stream"];

/** Logs and whoever writes them. Disposing it leaves nothing. */
export interface LogsPlace extends AsyncDisposable {
  readonly logs: Logs;
  /** A log's directory; another for each number. */
  directory(number: number): string;
  /** A container's run: what it writes. Times are nanoseconds since the epoch. */
  run(directory: string): (stream: Stream, text: string, timeNano?: bigint) => void;
  /** The full log drops what lies before `offset`. */
  drop(directory: string, offset: number): void;
  /** `tcp://` address of a log server that answers, and of none. */
  readonly server: string;
  readonly deadServer: string;
  /** Lines that the server has of a log, in order. */
  sent(directory: string): readonly string[];
}

const ALL: LogQuery = { hasStdout: true, hasStderr: true, isFollowing: false };
const over = Promise.resolve();

async function texts(entries: AsyncIterable<LogEntry>, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const seen: string[] = [];
  for await (const { bytes } of entries) if (seen.push(Buffer.from(bytes).toString()) >= count) break;
  return seen;
}

/** Line by line, since how they are batched is each one's own affair; neither a batch nor an entry is ever empty. */
async function* read(logs: Logs, ...asked: Parameters<Logs["read"]>): AsyncGenerator<LogEntry> {
  for await (const batch of logs.read(...asked)) {
    expect(batch.length).toBeGreaterThan(0);
    for (const entry of batch) {
      expect(entry.bytes.byteLength).toBeGreaterThan(0);
      yield* linesOf(entry);
    }
  }
}

/** What every Logs does. */
export function logsConformance(what: string, make: () => Promise<LogsPlace>): void {
  describe(`${what} is Logs`, () => {
    test("read() gives whole lines oldest first, each stream's own, with the time of their first byte", async ({
      signal,
    }) => {
      await using place = await make();
      const write = place.run(place.directory(1));
      write("stdout", "o", 1000n);
      write("stderr", "e1\ne2\n", 2000n);
      write("stdout", "ne\ntwo\nrest", 3000n);
      const query = { ...ALL, hasTimes: true };
      const entries: unknown[] = [];
      for await (const line of read(place.logs, place.directory(1), query, over, signal))
        entries.push([line.stream, line.timeNano, Buffer.from(line.bytes).toString()]);
      expect(entries).toEqual([
        ["stderr", 2000n, "e1\n"],
        ["stderr", 2000n, "e2\n"],
        ["stdout", 1000n, "one\n"],
        ["stdout", 3000n, "two\n"],
        ["stdout", 3000n, "rest"],
      ]);
      expect(await texts(read(place.logs, place.directory(1), ALL, over, signal))).toEqual([
        "e1\n",
        "e2\n",
        "one\n",
        "two\n",
        "rest",
      ]);
    });

    test.for([{}, { hasTimes: true }, { isFollowing: true }, { hasStderr: false }])(
      "a log of many pieces, more than are read at once, comes whole and in order: %o",
      async (query, { signal }) => {
        await using place = await make();
        const write = place.run(place.directory(1));
        const wanted: string[] = [];
        for (let number = 0; number < 60; number++) {
          const text = `${number} ${"x".repeat(10_000 + number)}\n`;
          write("stdout", text.slice(0, 5000));
          if (number % 7 === 0) write("stderr", "e\n");
          write("stdout", text.slice(5000));
          wanted.push(...(number % 7 === 0 && query.hasStderr !== false ? ["e\n"] : []), text);
        }
        expect(await texts(read(place.logs, place.directory(1), { ...ALL, ...query }, over, signal))).toEqual(
          wanted,
        );
        const tail = { ...ALL, ...query, tail: 50 };
        expect(await texts(read(place.logs, place.directory(1), tail, over, signal))).toEqual(
          wanted.slice(-50),
        );
      },
    );

    test("read() of a log that nobody has written is empty, and has no size", async ({ signal }) => {
      await using place = await make();
      expect(await texts(read(place.logs, place.directory(1), ALL, over, signal))).toEqual([]);
      expect(await texts(read(place.logs, place.directory(1), { ...ALL, tail: 3 }, over, signal))).toEqual(
        [],
      );
      expect(
        await texts(read(place.logs, place.directory(1), { ...ALL, isFollowing: true }, over, signal)),
      ).toEqual([]);
      expect(await place.logs.sizeBytes(place.directory(1))).toBe(0);
      expect(await place.logs.endOffset(place.directory(1))).toBe(0);
    });

    test.for([
      ["no stream", { hasStdout: false, hasStderr: false }, []],
      ["one stream", { hasStdout: false }, ["e1\n", "e2\n"]],
      ["tail 0", { tail: 0 }, []],
      ["tail 2 across pieces and streams", { tail: 2 }, ["e2\n", "o3"]],
      ["tail of one stream, its unfinished line counted", { tail: 2, hasStderr: false }, ["o2\n", "o3"]],
      ["a tail longer than the log", { tail: 99, hasStdout: false }, ["e1\n", "e2\n"]],
      ["since, that time too", { sinceNano: 3000n }, ["o2\n", "e2\n", "o3"]],
      ["until, that time too", { untilNano: 3000n }, ["o1\n", "e1\n", "o2\n"]],
      ["since and until", { sinceNano: 2000n, untilNano: 3000n }, ["e1\n", "o2\n"]],
      ["since later than everything", { sinceNano: 6000n }, []],
      ["tail, then since", { tail: 3, sinceNano: 4000n }, ["e2\n", "o3"]],
    ] as const)("read() with %s", async ([, query, wanted], { signal }) => {
      await using place = await make();
      const write = place.run(place.directory(1));
      write("stdout", "o1\n", 1000n);
      write("stderr", "e1\n", 2000n);
      write("stdout", "o2\n", 3000n);
      write("stderr", "e2\n", 4000n);
      write("stdout", "o3", 5000n);
      expect(await texts(read(place.logs, place.directory(1), { ...ALL, ...query }, over, signal))).toEqual(
        wanted,
      );
    });

    test("no line goes on from one run into the next", async ({ signal }) => {
      await using place = await make();
      place.run(place.directory(1))("stdout", "cut");
      place.run(place.directory(1))("stdout", "anew\n");
      expect(await texts(read(place.logs, place.directory(1), ALL, over, signal))).toEqual(["cut", "anew\n"]);
    });

    test("a very long line comes in parts, and nothing of it is lost", async ({ signal }) => {
      await using place = await make();
      const write = place.run(place.directory(1));
      const part = "x".repeat(200 * 1024);
      for (let round = 0; round < 3; round++) write("stdout", part);
      write("stdout", "end\nnext\n");
      const seen = await texts(read(place.logs, place.directory(1), ALL, over, signal));
      expect(seen.length).toBeGreaterThan(2);
      expect(seen.join("")).toBe(`${part}${part}${part}end\nnext\n`);
      expect(seen.at(-1)).toBe("next\n");
    });

    test("read() with follow gives what comes, and ends with all of it when the run has ended", async ({
      signal,
    }) => {
      await using place = await make();
      const ended = Promise.withResolvers<void>();
      const write = place.run(place.directory(1));
      write("stdout", "old 1\nold 2\n");
      const query = { ...ALL, isFollowing: true, tail: 1 };
      const lines = read(place.logs, place.directory(1), query, ended.promise, signal)[
        Symbol.asyncIterator
      ]();
      const next = async (): Promise<string | undefined> => {
        const { value } = await lines.next();
        return value && Buffer.from(value.bytes).toString();
      };
      expect(await next()).toBe("old 2\n");
      const waiting = next();
      write("stderr", "come");
      write("stderr", " late\n");
      expect(await waiting).toBe("come late\n");
      write("stdout", "last words");
      ended.resolve();
      expect(await next()).toBe("last words");
      expect((await lines.next()).done).toBe(true);
    });

    test("read() with follow ends as well when waiting for the end fails", async ({ signal }) => {
      await using place = await make();
      const ended = Promise.withResolvers<void>();
      ended.promise.catch(() => {});
      const reading = texts(
        read(place.logs, place.directory(1), { ...ALL, isFollowing: true }, ended.promise, signal),
      );
      ended.reject(new Error("nobody waits any more"));
      expect(await reading).toEqual([]);
    });

    test("read() with follow waits for a log that comes later", async ({ signal }) => {
      await using place = await make();
      const never = new Promise<void>(() => {});
      const reading = texts(
        read(place.logs, place.directory(1), { ...ALL, isFollowing: true }, never, signal),
        1,
      );
      place.run(place.directory(1))("stdout", "at last\n");
      expect(await reading).toEqual(["at last\n"]);
    });

    test("read() and attach() reject with the reason of their signal, before and while they wait", async () => {
      await using place = await make();
      place.run(place.directory(1))("stdout", "line\n");
      const never = new Promise<void>(() => {});
      const reason = new Error("client went away");
      const follow = { ...ALL, isFollowing: true };
      const gone = AbortSignal.abort(reason);
      await expect(texts(read(place.logs, place.directory(1), follow, never, gone))).rejects.toBe(reason);
      await expect(texts(place.logs.attach(place.directory(1), 0, never, gone))).rejects.toBe(reason);
      const stop = new AbortController();
      const waiting = [
        texts(read(place.logs, place.directory(1), follow, never, stop.signal)),
        texts(place.logs.attach(place.directory(1), undefined, never, stop.signal)),
      ];
      setImmediate(() => stop.abort(reason));
      for (const one of await Promise.allSettled(waiting))
        expect(one).toMatchObject({ status: "rejected", reason });
    });

    test("attach() from an end that was asked before misses nothing and repeats nothing", async ({
      signal,
    }) => {
      await using place = await make();
      const ended = Promise.withResolvers<void>();
      const write = place.run(place.directory(1));
      write("stdout", "before");
      const from = await place.logs.endOffset(place.directory(1));
      expect(from).toBe(6);
      write("stdout", "in between ");
      const reading = texts(place.logs.attach(place.directory(1), from, ended.promise, signal));
      write("stdout", "no line's end");
      ended.resolve();
      expect((await reading).join("")).toBe("in between no line's end");
      expect((await texts(place.logs.attach(place.directory(1), 3, over, signal))).join("")).toBe(
        "orein between no line's end",
      );
      expect(await texts(place.logs.attach(place.directory(1), undefined, over, signal))).toEqual([]);
    });

    test("attach() keeps the order of the streams", async ({ signal }) => {
      await using place = await make();
      const write = place.run(place.directory(1));
      for (const [stream, text] of [
        ["stdout", "1"],
        ["stderr", "2"],
        ["stdout", "3"],
      ] as const)
        write(stream, text);
      const seen: string[] = [];
      for await (const { stream, bytes } of place.logs.attach(place.directory(1), 0, over, signal))
        seen.push(`${stream} ${Buffer.from(bytes).toString()}`);
      expect(seen).toEqual(["stdout 1", "stderr 2", "stdout 3"]);
    });

    test("what a full log has dropped is neither read nor counted; offsets stay", async ({ signal }) => {
      await using place = await make();
      const write = place.run(place.directory(1));
      write("stdout", "gone\n");
      write("stdout", "kept\n");
      write("stdout", "new\n");
      place.drop(place.directory(1), 5);
      expect(await texts(read(place.logs, place.directory(1), ALL, over, signal))).toEqual([
        "kept\n",
        "new\n",
      ]);
      expect(await texts(read(place.logs, place.directory(1), { ...ALL, tail: 99 }, over, signal))).toEqual([
        "kept\n",
        "new\n",
      ]);
      expect((await texts(place.logs.attach(place.directory(1), 0, over, signal))).join("")).toBe(
        "kept\nnew\n",
      );
      expect(await place.logs.sizeBytes(place.directory(1))).toBe(9);
      expect(await place.logs.endOffset(place.directory(1))).toBe(14);
    });

    test("remove() removes one log, twice as well, and no other", async ({ signal }) => {
      await using place = await make();
      place.run(place.directory(1))("stdout", "one\n");
      place.run(place.directory(2))("stdout", "two\n");
      await place.logs.remove(place.directory(1));
      await place.logs.remove(place.directory(1));
      expect(await texts(read(place.logs, place.directory(1), ALL, over, signal))).toEqual([]);
      expect(await texts(read(place.logs, place.directory(2), ALL, over, signal))).toEqual(["two\n"]);
    });
  });

  describe(`${what} sends logs`, () => {
    const source = (directory: string, address: string, driver = "syslog"): LogSource => ({
      directory,
      driver,
      options: { "syslog-address": address, tag: "lsht" },
      subject: {
        id: "1".repeat(64),
        name: "one",
        imageId: "sha256:2",
        imageName: "image",
        command: ["sh"],
        createdAt: "2026-01-01T00:00:00Z",
        labels: {},
        env: [],
      },
    });

    test("openShipment() is nothing for a driver that keeps its output here", async ({ signal }) => {
      await using place = await make();
      const local = source(place.directory(1), place.deadServer, "json-file");
      expect(await place.logs.openShipment(local, signal)).toBeUndefined();
      await place.logs.resumeShipment(local, over);
      await place.logs.endShipment(place.directory(1));
    });

    test("openShipment() refuses a server that is not there, in Docker's words", async ({ signal }) => {
      await using place = await make();
      const opening = place.logs.openShipment(source(place.directory(1), place.deadServer), signal);
      await expect(opening).rejects.toMatchObject({
        kind: "internal",
        message: expect.stringMatching(
          /^failed to initialize logging driver: dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/,
        ),
      });
    });

    test("openShipment() with an aborted signal rejects with its reason", async () => {
      await using place = await make();
      const reason = new Error("client went away");
      const opening = place.logs.openShipment(
        source(place.directory(1), place.server),
        AbortSignal.abort(reason),
      );
      await expect(opening).rejects.toBe(reason);
    });

    test("a run's lines are sent once and in order, and the next run's after them", async ({ signal }) => {
      await using place = await make();
      for (const round of [1, 2]) {
        const shipment = await place.logs.openShipment(source(place.directory(1), place.server), signal);
        const write = place.run(place.directory(1));
        const ended = Promise.withResolvers<void>();
        await shipment?.begin(ended.promise);
        write("stdout", `first ${round}\nsecond ${round}\n`);
        write("stdout", `rest ${round}`);
        ended.resolve();
        await expect.poll(() => place.sent(place.directory(1)).at(-1), { interval: 5 }).toBe(`rest ${round}`);
        await place.logs.endShipment(place.directory(1));
      }
      expect(place.sent(place.directory(1))).toEqual(
        [1, 2].flatMap((round) => [`first ${round}`, `second ${round}`, `rest ${round}`]),
      );
    });

    test("a shipment that is disposed before it begins sends nothing; afterwards dispose does nothing", async ({
      signal,
    }) => {
      await using place = await make();
      const dropped = await place.logs.openShipment(source(place.directory(1), place.server), signal);
      place.run(place.directory(1))("stdout", "unsent\n");
      dropped?.[Symbol.dispose]();
      dropped?.[Symbol.dispose]();
      expect(place.sent(place.directory(1))).toEqual([]);
      const begun = await place.logs.openShipment(source(place.directory(2), place.server), signal);
      await begun?.begin(over);
      place.run(place.directory(2));
      begun?.[Symbol.dispose]();
    });
  });
}
