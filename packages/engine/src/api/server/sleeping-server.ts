import type { Server } from "node:http";

/** How often Node looks for connections whose request takes too long to come: its own default. */
const BEAT_MS = 30_000;
/** The longest that a timer of Node takes, 24 days. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * Lets `server` look for slow requests only while it has connections, and up to two beats after the last: without one nothing wakes the
 * process. Node sets its clock at "listening", and sets it anew when it hears of that again.
 */
export function sleepWithoutConnections(server: Server, beatMs: number = BEAT_MS): void {
  let openCount = 0;
  let isAwake = false;
  const setClock = (connectionsCheckingInterval: number): void => {
    Object.assign(server, { connectionsCheckingInterval });
    if (server.listening) server.emit("listening");
  };
  setClock(NEVER_MS);
  server.on("connection", (socket) => {
    openCount += 1;
    socket.once("close", () => (openCount -= 1));
    if (isAwake) return;
    isAwake = true;
    setClock(beatMs);
    const beat = setInterval(() => {
      if (openCount > 0) return;
      clearInterval(beat);
      isAwake = false;
      setClock(NEVER_MS);
    }, beatMs).unref();
  });
}
