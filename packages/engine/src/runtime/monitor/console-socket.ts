import { closeSync, rmSync } from "node:fs";
import { acceptUnix, listenUnix, receiveDescriptors, setNonBlocking } from "#host";

/** Where an OCI runtime sends a terminal's master (--console-socket): a listening descriptor, to be kept like any other. */
export function listenForConsole(path: string): number {
  rmSync(path, { force: true });
  return listenUnix(path);
}

/** The master, non-blocking and ours to close. Asked once the runtime has ended: whatever it sent waits in the socket's queue. */
export function receiveConsole(listener: number): number | undefined {
  const connection = acceptUnix(listener);
  if (connection === undefined) return undefined;
  try {
    const [master, ...surplus] = receiveDescriptors(connection, false)?.fds ?? [];
    for (const fd of surplus) closeSync(fd);
    if (master !== undefined) setNonBlocking(master);
    return master;
  } finally {
    closeSync(connection);
  }
}
