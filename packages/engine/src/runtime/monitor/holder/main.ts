import { spawn } from "node:child_process";
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { flushCompileCache } from "node:module";
import path from "node:path";

/**
 * What the engine starts: it starts the monitor as its child and becomes `sleep infinity`, the holder. As the monitor's parent and a
 * subreaper it inherits every process of a monitor that dies, and since it waits for none of them, each exit code stays readable until
 * the next monitor has read it. Arguments: the monitor's program, the state root, and a FIFO for the switch that ends the holder together
 * with a monitor that keeps nothing.
 */
const ALIVE_FD = 3;
const LEAST_COPY = 32; // above every position that the holder gets

const [, , program = "", stateRoot = "", switchFile = ""] = process.argv;
const reader = openSync(switchFile, constants.O_RDONLY | constants.O_NONBLOCK);
const writer = openSync(switchFile, constants.O_WRONLY);
rmSync(switchFile);
// First of all, so that it loads while we do.
spawn(process.execPath, [program, stateRoot], {
  detached: true,
  cwd: "/",
  stdio: ["ignore", "ignore", "inherit", ALIVE_FD, writer],
});
closeSync(writer);

const host = await import("#host");
const { noteHolder } = await import("../holders.ts");
host.becomeSubreaper();
host.signalWhenWriterless(reader, process.pid, true);
if (host.readNow(reader, Buffer.alloc(1)) === 0) process.exit(1); // it has died already
const nothing = openSync("/dev/null", "r+");
const fds = [nothing, nothing, nothing, ...host.openSocketPair(), reader];
flushCompileCache();
noteHolder(path.join(stateRoot, "monitor"));
host.becomeProgram({
  path: "/bin/sleep",
  argv: ["sleep", "infinity"],
  // For whoever wonders what this process is.
  env: [`LONGSHORE_STATE_ROOT=${stateRoot}`],
  fds: fds.map((fd) => host.copyDescriptor(fd, LEAST_COPY)),
});
