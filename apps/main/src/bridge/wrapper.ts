import { ipcMain, MessageChannelMain, type IpcMainInvokeEvent } from "electron";
import {
  bridgeChannels,
  type Answer,
  type BridgeCalls,
  type BridgeStreams,
  type CallName,
  type StreamName,
} from "@longshore/protocol";
import { windowOrigin } from "../scheme.ts";
import { toBridgeError } from "./errors.ts";
import { PortStream, type Outlet } from "./port-stream.ts";
import { BadArgument, text, type Parser } from "./schema.ts";

export type CallTable = {
  readonly [N in CallName]: {
    readonly parse: Parser<BridgeCalls[N]["args"]>;
    run(args: BridgeCalls[N]["args"]): Promise<BridgeCalls[N]["result"]>;
  };
};

export type StreamTable = {
  readonly [N in StreamName]: {
    readonly parse: Parser<BridgeStreams[N]["args"]>;
    run(
      args: BridgeStreams[N]["args"],
      out: Outlet<BridgeStreams[N]["item"]>,
    ): Promise<BridgeStreams[N]["end"]>;
  };
};

type AnyCall = { readonly parse: Parser<never>; run(args: never): Promise<unknown> };
type AnyStream = { readonly parse: Parser<never>; run(args: never, out: Outlet<never>): Promise<unknown> };

const MOST_STREAMS = 200;

/** The only place that listens to the window. Every message is checked for its sender, its name and its arguments. */
export function openBridge(calls: CallTable, streams: StreamTable): void {
  let openStreams = 0;
  ipcMain.handle(
    bridgeChannels.call,
    async (event, name: unknown, args: unknown): Promise<Answer<unknown>> => {
      try {
        checkSender(event);
        const entry = find<AnyCall>(calls, name);
        return { ok: true, value: await entry.run(entry.parse(args, "arguments")) };
      } catch (error) {
        return { ok: false, error: toBridgeError(error) };
      }
    },
  );
  ipcMain.handle(bridgeChannels.open, (event, name: unknown, args: unknown, id: unknown): Answer<null> => {
    try {
      checkSender(event);
      const entry = find<AnyStream>(streams, name);
      const parsed = entry.parse(args, "arguments");
      const portId = text(64, 1)(id, "id");
      if (openStreams >= MOST_STREAMS) throw new BadArgument(`more than ${MOST_STREAMS} streams are open`);
      const { port1, port2 } = new MessageChannelMain();
      openStreams++;
      const stream = new PortStream<never, unknown>(port1);
      event.sender.postMessage(bridgeChannels.port, portId, [port2]);
      void stream.run((out) => entry.run(parsed, out)).finally(() => openStreams--);
      return { ok: true, value: null };
    } catch (error) {
      return { ok: false, error: toBridgeError(error) };
    }
  });
}

/** Only the main frame of our own page speaks here. */
export function checkSender(event: Pick<IpcMainInvokeEvent, "senderFrame" | "sender">): void {
  const frame = event.senderFrame;
  if (frame === null || frame !== event.sender.mainFrame || !frame.url.startsWith(`${windowOrigin}/`))
    throw new BadArgument("this page may not speak to Longshore");
}

function find<Entry>(table: object, name: unknown): Entry {
  if (typeof name !== "string" || !Object.hasOwn(table, name))
    throw new BadArgument(`there is no "${String(name).slice(0, 80)}"`);
  return (table as Readonly<Record<string, Entry>>)[name] as Entry;
}
