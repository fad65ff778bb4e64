import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { encodeLogEntry, LOG_DATA_FILE, LOG_ENTRY_BYTES, LOG_INDEX_FILE } from "#spec";
import { fuzzed } from "@longshore/testkit";
import { openLogs, type LogQuery } from "./index.ts";
import { eachLine } from "./testing.ts";

interface Piece {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

interface Line {
  readonly stream: string;
  readonly text: string;
  readonly timeNano: bigint;
}

const pieces = fc.array(
  fc.record({
    stream: fc.constantFrom("stdout" as const, "stderr" as const),
    text: fc.stringMatching(/^[ab\n]{1,8}$/),
  }),
  { maxLength: 12 },
);

/** Writes pieces as the monitor does, one entry each; times are 1000, 2000, ... */
function write(directory: string, list: readonly Piece[]): void {
  writeFileSync(path.join(directory, LOG_DATA_FILE), "");
  writeFileSync(path.join(directory, LOG_INDEX_FILE), "");
  let offset = 0;
  for (const [index, { stream, text }] of list.entries()) {
    const entry = Buffer.alloc(LOG_ENTRY_BYTES);
    encodeLogEntry({ offset, timeNano: BigInt(index + 1) * 1000n, stream, isRunStart: false }, entry, 0);
    appendFileSync(path.join(directory, LOG_INDEX_FILE), entry);
    appendFileSync(path.join(directory, LOG_DATA_FILE), text);
    offset += text.length;
  }
}

/** What a reader must see: each stream cut into lines, each line with the time of its first byte. */
function model(list: readonly Piece[]): readonly Line[] {
  const open = new Map<string, { text: string; timeNano: bigint }>();
  const lines: Line[] = [];
  for (const [index, { stream, text }] of list.entries()) {
    const timeNano = BigInt(index + 1) * 1000n;
    for (const part of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
      const line = open.get(stream) ?? { text: "", timeNano };
      line.text += part;
      open.set(stream, line);
      if (!part.endsWith("\n")) continue;
      lines.push({ stream, ...line });
      open.delete(stream);
    }
  }
  return [...lines, ...[...open].map(([stream, line]) => ({ stream, ...line }))];
}

async function read(directory: string, query: Partial<LogQuery> = {}): Promise<readonly Line[]> {
  const lines: Line[] = [];
  const entries = openLogs({ log: silentLogger }).read(
    directory,
    { hasStdout: true, hasStderr: true, isFollowing: false, hasTimes: true, ...query },
    Promise.resolve(),
    new AbortController().signal,
  );
  for await (const { stream, timeNano, bytes } of eachLine(entries))
    lines.push({ stream, timeNano, text: Buffer.from(bytes).toString() });
  return lines;
}

async function inFolder(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "longshore-log-fuzz-"));
  try {
    await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test("read() gives each stream's lines with the time of their first byte", async () => {
  await inFolder((directory) =>
    fc.assert(
      fc.asyncProperty(pieces, async (list) => {
        write(directory, list);
        expect(await read(directory)).toEqual(model(list));
        const untimed = await read(directory, { hasTimes: false });
        expect(untimed.map(({ stream, text }) => ({ stream, text }))).toEqual(
          model(list).map(({ stream, text }) => ({ stream, text })),
        );
        const stdout = await read(directory, { hasStderr: false });
        expect(stdout).toEqual(model(list).filter((line) => line.stream === "stdout"));
      }),
      fuzzed(200),
    ),
  );
});

test("read() with tail gives the last lines of one stream, with since the lines from then on", async () => {
  await inFolder((directory) =>
    fc.assert(
      fc.asyncProperty(pieces, fc.nat({ max: 6 }), fc.nat({ max: 12 }), async (list, tail, since) => {
        const onlyStdout = list.map((piece) => ({ ...piece, stream: "stdout" as const }));
        write(directory, onlyStdout);
        const all = model(onlyStdout);
        expect((await read(directory, { tail })).map((line) => line.text)).toEqual(
          tail === 0 ? [] : all.slice(-tail).map((line) => line.text),
        );
        const sinceNano = BigInt(since) * 1000n;
        expect(await read(directory, { sinceNano })).toEqual(
          all.filter((line) => line.timeNano >= sinceNano),
        );
      }),
      fuzzed(200),
    ),
  );
});

test("read() of a log whose writer was killed gives a prefix of what was written", async () => {
  await inFolder((directory) =>
    fc.assert(
      fc.asyncProperty(pieces, fc.nat(), fc.nat({ max: LOG_ENTRY_BYTES }), async (list, cut, torn) => {
        write(directory, list);
        const bytes = list.reduce((sum, piece) => sum + piece.text.length, 0);
        const kept = bytes === 0 ? 0 : cut % (bytes + 1);
        truncateSync(path.join(directory, LOG_DATA_FILE), kept);
        // An entry comes before its bytes: entries of lost bytes may be there, the last of them torn.
        appendFileSync(path.join(directory, LOG_INDEX_FILE), Buffer.alloc(torn % LOG_ENTRY_BYTES, 0xff));
        const seen = await read(directory);
        for (const stream of ["stdout", "stderr"]) {
          const text = seen
            .filter((line) => line.stream === stream)
            .map((line) => line.text)
            .join("");
          const whole = list
            .filter((piece) => piece.stream === stream)
            .map((piece) => piece.text)
            .join("");
          expect(whole.startsWith(text)).toBe(true);
        }
        expect(seen.reduce((sum, line) => sum + line.text.length, 0)).toBe(kept);
      }),
      fuzzed(200),
    ),
  );
});
