import { closeSync, openSync } from "node:fs";
import { checked, libc } from "./libc.ts";

const unshareCall = libc.func("int unshare(int)");
const setnsCall = libc.func("int setns(int, int)");
const CLONE_NEWNET = 0x40000000;

/** For tests: from now on this thread, and the threads and processes that it starts, are in a network of their own; until dispose. */
export function enterOwnNetwork(): Disposable {
  const home = openSync("/proc/thread-self/ns/net", "r");
  checked("unshare", unshareCall(CLONE_NEWNET) as number, "CLONE_NEWNET");
  return {
    [Symbol.dispose]: () => {
      checked("setns", setnsCall(home, CLONE_NEWNET) as number, "home");
      closeSync(home);
    },
  };
}
