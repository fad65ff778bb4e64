import {
  closeSync,
  constants,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import net from "node:net";
import { once } from "node:events";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  acceptUnix,
  listenUnix,
  openSocketPair,
  receiveDescriptors,
  sendDescriptors,
} from "./descriptor-passing.ts";
import { copyDescriptor } from "./descriptors.ts";
import {
  growPipe,
  lockFile,
  makeFifo,
  PIPE_BYTES,
  punchHole,
  Readiness,
  readNow,
  spliceBytes,
  writeNow,
} from "./stdio.ts";

let folder = "";
let open: number[] = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "longshore-descriptors-"));
  open = [];
});
afterEach(() => {
  for (const fd of open) closeSync(fd);
  rmSync(folder, { recursive: true, force: true });
});
const at = (name: string): string => path.join(folder, name);
/** Closed after the test. */
function own(fd: number): number {
  open.push(fd);
  return fd;
}
const isCloseOnExec = (fd: number): boolean =>
  (Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "0", 8) &
    0o2000000) !==
  0;

/** Both ends of a FIFO, neither of which waits. */
function fifo(): { readonly reader: number; readonly writer: number } {
  makeFifo(at("fifo"), 0o600);
  const reader = own(openSync(at("fifo"), constants.O_RDONLY | constants.O_NONBLOCK));
  return { reader, writer: own(openSync(at("fifo"), constants.O_WRONLY | constants.O_NONBLOCK)) };
}

describe("descriptors on their way", () => {
  test("a message brings its text and copies of its descriptors, close-on-exec; one at a time, in order", () => {
    const [here, there] = openSocketPair().map(own) as [number, number];
    writeFileSync(at("file"), "");
    const file = own(openSync(at("file"), "r"));
    expect(receiveDescriptors(there, false)).toBeUndefined();
    sendDescriptors(here, { text: "two", fds: [file, file] });
    sendDescriptors(here, { text: "none", fds: [] });
    const peeked = receiveDescriptors(there, true);
    expect(peeked).toMatchObject({ text: "two", isEnded: false });
    const taken = receiveDescriptors(there, false);
    expect(receiveDescriptors(there, false)).toMatchObject({ text: "none", fds: [], isEnded: false });
    const copies = [...(peeked?.fds ?? []), ...(taken?.fds ?? [])].map(own);
    expect(new Set(copies).size).toBe(4);
    for (const fd of copies) {
      expect(fstatSync(fd).ino).toBe(fstatSync(file).ino);
      expect(isCloseOnExec(fd)).toBe(true);
    }
  });

  test("what was sent is there after the sender's end; then the end is told", () => {
    const [here, there] = openSocketPair();
    own(there);
    sendDescriptors(here, { text: "last", fds: [] });
    closeSync(here);
    expect(receiveDescriptors(there, false)).toMatchObject({ text: "last", isEnded: false });
    expect(receiveDescriptors(there, false)).toMatchObject({ isEnded: true });
  });

  test("the queue takes tens of thousands of messages", () => {
    const [here, there] = openSocketPair().map(own) as [number, number];
    for (let number = 0; number < 20_000; number++) sendDescriptors(here, { text: String(number), fds: [] });
    for (let number = 0; number < 20_000; number++)
      expect(receiveDescriptors(there, false)?.text).toBe(String(number));
  });

  test("listenUnix() takes connections of Node's sockets, and refuses taken and overlong paths", async () => {
    const listener = own(listenUnix(at("socket")));
    expect(acceptUnix(listener)).toBeUndefined();
    const client = net.connect(at("socket"));
    await once(client, "connect");
    const connection = acceptUnix(listener);
    expect(connection).toBeGreaterThan(0);
    if (connection !== undefined) own(connection);
    client.destroy();
    expect(() => listenUnix(at("socket"))).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
    expect(() => listenUnix(at("s".repeat(108)))).toThrow(RangeError);
  });

  test("copyDescriptor() numbers its copy as asked", () => {
    const copy = own(copyDescriptor(own(openSync("/dev/null", "r")), 100));
    expect(copy).toBeGreaterThanOrEqual(100);
    expect(isCloseOnExec(copy)).toBe(true);
    expect(() => copyDescriptor(1_000_000, 3)).toThrow(expect.objectContaining({ code: "EBADF" }));
  });
});

describe("pipes", () => {
  test("readNow() tells nothing from the end, writeNow() a full pipe from one without a reader", () => {
    const { reader, writer } = fifo();
    const room = Buffer.alloc(16);
    expect(readNow(reader, room)).toBe("empty");
    expect(writeNow(writer, Buffer.from("abc"))).toBe(3);
    expect([readNow(reader, room), room.toString("utf8", 0, 3)]).toEqual([3, "abc"]);
    while (writeNow(writer, Buffer.alloc(65_536)) !== 0);
    closeSync(open.splice(open.indexOf(reader), 1)[0] ?? -1);
    expect(writeNow(writer, room)).toBe("closed");
    const again = own(openSync(at("fifo"), constants.O_RDONLY | constants.O_NONBLOCK));
    closeSync(open.splice(open.indexOf(writer), 1)[0] ?? -1);
    // What was written is read to its end first.
    for (let count = readNow(again, room); count !== 0; count = readNow(again, room))
      expect(count).toBeGreaterThan(0);
  });

  test("growPipe() makes room for a mebibyte; makeFifo() keeps one that is there, and refuses a folder that isn't", () => {
    const { writer } = fifo();
    growPipe(writer);
    let written = 0;
    for (
      let count = writeNow(writer, Buffer.alloc(65_536));
      count !== 0 && count !== "closed";
      count = writeNow(writer, Buffer.alloc(65_536))
    )
      written += count;
    expect(written).toBe(PIPE_BYTES);
    const { ino } = statSync(at("fifo"));
    makeFifo(at("fifo"), 0o600);
    expect(statSync(at("fifo")).ino).toBe(ino);
    expect(() => makeFifo(at("nothing/fifo"), 0o600)).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  test("spliceBytes() moves to just that offset, at most so much, and tells nothing from the end", () => {
    const { reader, writer } = fifo();
    const file = own(openSync(at("file"), "w+"));
    expect(spliceBytes(reader, file, 0n, 100)).toBe("empty");
    writeSync(writer, "abcdef");
    expect(spliceBytes(reader, file, 3n, 4)).toBe(4);
    expect(spliceBytes(reader, file, 0n, 100)).toBe(2);
    expect(readFileSync(at("file"), "latin1")).toBe("ef\0abcd");
    closeSync(open.splice(open.indexOf(writer), 1)[0] ?? -1);
    expect(spliceBytes(reader, file, 0n, 100)).toBe(0);
  });

  test("Readiness tells which of many can be read, again until they are, and is woken by its end", async () => {
    const readiness = new Readiness();
    const { reader, writer } = fifo();
    const [quiet] = openSocketPair().map(own);
    readiness.add(reader);
    readiness.add(quiet ?? -1);
    const waiting = readiness.wait();
    writeSync(writer, "a");
    expect(await waiting).toEqual([reader]);
    expect(await readiness.wait()).toEqual([reader]);
    readNow(reader, Buffer.alloc(4));
    readiness.remove(reader);
    writeSync(writer, "b");
    const last = readiness.wait();
    readiness[Symbol.dispose]();
    expect(await last).toEqual([]);
    expect(await readiness.wait()).toEqual([]);
    readiness[Symbol.dispose]();
  });
});

describe("files of a writer", () => {
  test("punchHole() gives the space back, leaves the size, and takes an empty range as done", () => {
    writeFileSync(at("file"), Buffer.alloc(1024 * 1024, 1));
    const file = own(openSync(at("file"), "r+"));
    const before = statSync(at("file")).blocks;
    expect(punchHole(file, 4096, 4096)).toBe(true);
    expect(punchHole(file, 0, 512 * 1024)).toBe(true);
    const bytes = readFileSync(at("file"));
    expect([bytes.length, bytes[0], bytes[512 * 1024 - 1], bytes[512 * 1024]]).toEqual([
      1024 * 1024,
      0,
      0,
      1,
    ]);
    expect(statSync(at("file")).blocks).toBeLessThan(before);
  });

  test("lockFile() has one holder: another opening of the file is refused until it is closed", () => {
    const first = openSync(at("lock"), "w");
    const second = own(openSync(at("lock"), "w"));
    expect([lockFile(first), lockFile(first), lockFile(second)]).toEqual([true, true, false]);
    closeSync(first);
    expect(lockFile(second)).toBe(true);
  });
});
