import { mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { enterMountNamespace, enterPrivateRoot, enterRoot } from "#host";
import { errno, LongshoreError, messageOf } from "#kernel";
import { TarReader } from "#spec";
import type { FromArchive, Job, ToArchive, View } from "./protocol.ts";
import { exportTree, readTree, statOf } from "./read-tree.ts";
import { TreeWriter } from "./write-tree.ts";

/** A thread that sees a container's files as its processes do, for one archive job. Synchronous calls only. */
if (parentPort === null) throw new Error("archive-thread.ts runs as a worker only");
const port = parentPort;
const { view, job, sources } = workerData as {
  view: View;
  job: Job;
  sources: Readonly<Record<string, boolean>>;
};
const say = (message: FromArchive): void => port.postMessage(message);

class NotThere extends Error {}

function fail(error: unknown): void {
  if (error instanceof NotThere) return say({ kind: "failed", errorKind: "gone", message: "" });
  // A link led to where nothing may be written.
  const isReadOnly = errno(error) === "EROFS";
  const kind = error instanceof LongshoreError ? error.kind : isReadOnly ? "forbidden" : "internal";
  say({
    kind: "failed",
    errorKind: kind === "invalid" || kind === "not_found" || kind === "forbidden" ? kind : "internal",
    message: messageOf(error),
  });
}

/** Throws NotThere when the process of the view has ended. */
function enter(): void {
  if (view.kind === "running") {
    try {
      return enterMountNamespace(view.pid);
    } catch (error) {
      if (errno(error) !== "ENOENT" && errno(error) !== "ESRCH") throw error;
      throw new NotThere();
    }
  }
  if (view.kind === "root") return enterRoot(view.place);
  const makePlace = (destination: string): void => {
    if (statSync(destination, { throwIfNoEntry: false }) !== undefined) return;
    if (sources[destination] === true) return void mkdirSync(destination, { recursive: true });
    mkdirSync(path.posix.dirname(destination), { recursive: true });
    writeFileSync(destination, "");
  };
  enterPrivateRoot(view.root, view.target, view.binds, makePlace, view.isReadOnly);
}

function run(): void {
  enter();
  switch (job.kind) {
    case "stat":
      return say({ kind: "stat", stat: statOf(job.path) });
    case "read":
      say({ kind: "stat", stat: statOf(job.path) });
      return serve(readTree(job.path));
    case "export":
      say({ kind: "ready" });
      return serve(exportTree());
    case "write":
      return receive(new TarReader(new TreeWriter(job.path, job.isKeepingKind)));
  }
}

function serve(pieces: Generator<Buffer>): void {
  port.on("message", (message: ToArchive) => {
    if (message.kind === "stop") return port.close();
    if (message.kind !== "next") return;
    try {
      const next = pieces.next();
      if (next.done === true) say({ kind: "done" });
      else say({ kind: "piece", bytes: next.value });
    } catch (error) {
      fail(error);
    }
  });
}

function receive(reader: TarReader): void {
  let hasFailed = false;
  say({ kind: "ready" });
  port.on("message", (message: ToArchive) => {
    if (message.kind === "stop") return port.close();
    if (hasFailed) return;
    try {
      if (message.kind === "data") {
        reader.push(Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength));
        say({ kind: "taken" });
      } else {
        reader.finish();
        say({ kind: "done" });
      }
    } catch (error) {
      hasFailed = true;
      fail(error);
    }
  });
}

try {
  run();
} catch (error) {
  fail(error);
}
