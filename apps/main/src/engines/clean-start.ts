/**
 * Node's flags that start `entry` with nothing inherited but stdin, stdout and stderr. Electron opens many descriptors without
 * close-on-exec (display connections, profile files, shared memory), and an engine that outlives the window would hold them all.
 * Node marks those it opens itself, so whatever lacks the mark came from the parent; execve keeps the process, its id and its parent.
 */
export function cleanStart(entry: string, args: readonly string[]): readonly string[] {
  if (process.platform !== "linux") return [entry, ...args];
  return ["--no-warnings", "-e", SCRIPT, "--", entry, ...args];
}

/** O_CLOEXEC in /proc/self/fdinfo (Linux proc(5), open(2)). */
const CLOSE_ON_EXEC = 0o2000000;
const SCRIPT = `
const fs = require("node:fs");
for (const fd of fs.readdirSync("/proc/self/fd").map(Number)) {
  if (fd < 3) continue;
  try {
    const flags = /^flags:\\s*([0-7]+)$/m.exec(fs.readFileSync("/proc/self/fdinfo/" + fd, "utf8"));
    if ((parseInt(flags[1], 8) & ${CLOSE_ON_EXEC}) === 0) fs.closeSync(fd);
  } catch {}
}
process.execve(process.execPath, [process.execPath, ...process.argv.slice(1)], process.env);
`;
