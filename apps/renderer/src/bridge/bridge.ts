import type {
  Answer,
  BridgeCalls,
  BridgeError,
  BridgeStreams,
  CallName,
  StreamControl,
  StreamMessage,
  StreamName,
  WindowBridge,
} from "@longshore/protocol";

declare global {
  interface Window {
    readonly longshore: WindowBridge;
  }
}

/** A failed call or stream, with the engine's words. */
export class CallError extends Error {
  override readonly name: string = "CallError";
  readonly kind: BridgeError["kind"];
  readonly status: number | undefined;
  constructor(error: BridgeError) {
    super(error.message);
    this.kind = error.kind;
    this.status = error.status;
  }
}

function valueOf<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value;
  throw new CallError(answer.error);
}

/** Asks the main process; throws a CallError. */
export async function call<N extends CallName>(
  name: N,
  args: BridgeCalls[N]["args"],
): Promise<BridgeCalls[N]["result"]> {
  return valueOf(await window.longshore.call(name, args));
}

export interface StreamHandlers<N extends StreamName> {
  /** A promise holds the credit back until it is done: a slow reader slows the producer. */
  onItem(item: BridgeStreams[N]["item"]): void | Promise<void>;
  onEnd?(end: BridgeStreams[N]["end"]): void;
  onError?(error: CallError): void;
}

export interface OpenStream {
  send(bytes: Uint8Array): void;
  resize(columns: number, rows: number): void;
  close(): void;
}

const waiting = new Map<string, (port: MessagePort) => void>();
let nextId = 1;

window.addEventListener("message", (event: MessageEvent<unknown>) => {
  if (event.source !== window || typeof event.data !== "object" || event.data === null) return;
  if (!("longshorePort" in event.data) || typeof event.data.longshorePort !== "string") return;
  const [port] = event.ports;
  const take = waiting.get(event.data.longshorePort);
  waiting.delete(event.data.longshorePort);
  if (port !== undefined) take?.(port);
});

/** Opens a stream; handlers are called until it ends, fails or is closed. */
export function openStream<N extends StreamName>(
  name: N,
  args: BridgeStreams[N]["args"],
  handlers: StreamHandlers<N>,
): OpenStream {
  const id = `${name}-${nextId++}`;
  let port: MessagePort | undefined;
  let isClosed = false;
  const queue: StreamControl[] = [];
  const say = (control: StreamControl): void => {
    if (port === undefined) queue.push(control);
    else port.postMessage(control);
  };
  const take = async (
    message: StreamMessage<BridgeStreams[N]["item"], BridgeStreams[N]["end"]>,
  ): Promise<void> => {
    if (isClosed) return;
    if (message.kind === "item") {
      await handlers.onItem(message.item);
      say({ kind: "credit", cost: message.cost });
      return;
    }
    isClosed = true;
    if (message.kind === "end") handlers.onEnd?.(message.end);
    else handlers.onError?.(new CallError(message.error));
  };
  waiting.set(id, (arrived) => {
    port = arrived;
    let order = Promise.resolve();
    arrived.addEventListener("message", (event) => {
      order = order.then(() => take(event.data as Parameters<typeof take>[0]));
    });
    arrived.start();
    for (const control of queue.splice(0)) arrived.postMessage(control);
    if (isClosed) arrived.postMessage({ kind: "close" } satisfies StreamControl);
  });
  void window.longshore.openStream(name, args, id).then((answer) => {
    if (answer.ok) return;
    waiting.delete(id);
    if (!isClosed) handlers.onError?.(new CallError(answer.error));
    isClosed = true;
  });
  return {
    send: (bytes) => say({ kind: "input", bytes }),
    resize: (columns, rows) => say({ kind: "resize", columns, rows }),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      port?.postMessage({ kind: "close" } satisfies StreamControl);
      port?.close();
    },
  };
}
