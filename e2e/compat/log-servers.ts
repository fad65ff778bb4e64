import { createSocket } from "node:dgram";
import { rmSync } from "node:fs";
import net from "node:net";
import { UnixDatagramSocket } from "@longshore/engine/unix-datagram";

/** A small log server of a test: what it received, and it can go away and come back at the same place. */
export interface LogServer extends AsyncDisposable {
  /** For the driver's address option. */
  readonly address: string;
  readonly messages: readonly string[];
  leave(): Promise<void>;
  comeBack(): Promise<void>;
}

type Place = { readonly port: number } | { readonly path: string };

/** Syslog over TCP or a unix stream: a message a line. */
export async function streamServer(path?: string): Promise<LogServer> {
  const messages: string[] = [];
  return await serve(
    path,
    (socket) => {
      let rest = "";
      socket.setEncoding("utf8");
      socket.on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        messages.push(...lines);
      });
    },
    messages,
  );
}

async function serve(
  path: string | undefined,
  onSocket: (socket: net.Socket) => void,
  messages: string[],
): Promise<LogServer> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    onSocket(socket);
  });
  let place: Place = path === undefined ? { port: 0 } : { path };
  const comeBack = (): Promise<void> =>
    new Promise((done, fail) => {
      server.once("error", fail);
      server.listen({ ...place, host: "127.0.0.1" }, done);
    });
  const leave = async (): Promise<void> => {
    const closed = new Promise<void>((done) => server.close(() => done()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await comeBack();
  const bound = server.address();
  if (typeof bound === "object" && bound !== null) place = { port: bound.port };
  return {
    address: path === undefined ? `tcp://127.0.0.1:${"port" in place ? place.port : 0}` : `unix://${path}`,
    messages,
    leave,
    comeBack,
    async [Symbol.asyncDispose]() {
      if (server.listening) await leave();
    },
  };
}

/** Syslog over UDP: a message a datagram. */
export async function udpServer(): Promise<LogServer> {
  const messages: string[] = [];
  let port = 0;
  const open = async () => {
    const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
    socket.on("message", (message) => messages.push(message.toString()));
    await new Promise<void>((done) => socket.bind(port, "127.0.0.1", done));
    ({ port } = socket.address());
    return socket;
  };
  let socket: Awaited<ReturnType<typeof open>> | undefined = await open();
  const leave = async (): Promise<void> => {
    const left = socket;
    socket = undefined;
    if (left !== undefined) await new Promise<void>((done) => left.close(() => done()));
  };
  return {
    address: `udp://127.0.0.1:${port}`,
    messages,
    leave,
    comeBack: async () => void (socket = await open()),
    [Symbol.asyncDispose]: leave,
  };
}

/** A unix datagram socket, read every few milliseconds; messages as latin1. */
export async function unixgramServer(path: string): Promise<LogServer> {
  const messages: string[] = [];
  let socket: UnixDatagramSocket | undefined;
  let timer: NodeJS.Timeout | undefined;
  const leave = async (): Promise<void> => {
    clearInterval(timer);
    socket?.[Symbol.dispose]();
    socket = undefined;
    rmSync(path, { force: true });
  };
  const comeBack = async (): Promise<void> => {
    const opened = UnixDatagramSocket.bind(path);
    socket = opened;
    timer = setInterval(() => {
      for (let message = opened.receive(262_144); message !== undefined; message = opened.receive(262_144))
        messages.push(message.toString("latin1"));
    }, 5);
  };
  await comeBack();
  return { address: `unixgram://${path}`, messages, leave, comeBack, [Symbol.asyncDispose]: leave };
}

export interface ForwardedEvent {
  readonly tag: string;
  readonly time: unknown;
  readonly record: Readonly<Record<string, string>>;
}

export interface FluentdServer extends LogServer {
  readonly events: readonly ForwardedEvent[];
  /** Chunks that were acknowledged. */
  readonly acks: readonly string[];
  /** Without it chunks are taken and never acknowledged. */
  isAnswering: boolean;
}

/** Fluentd's forward protocol in forward mode, with acknowledgements where they are asked for. */
export async function fluentdServer(path?: string): Promise<FluentdServer> {
  const events: ForwardedEvent[] = [];
  const acks: string[] = [];
  const messages: string[] = [];
  const state = { isAnswering: true };
  const server = await serve(
    path,
    (socket) => {
      let rest = Buffer.alloc(0);
      socket.on("data", (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk]);
        for (;;) {
          const read = decode(rest, 0);
          if (read === undefined) return;
          rest = rest.subarray(read.end);
          const [tag, entries, option] = read.value as [
            string,
            [unknown, Record<string, string>][],
            Record<string, string>,
          ];
          const ack = option["chunk"];
          if (ack !== undefined && !state.isAnswering) continue;
          for (const [time, record] of entries) {
            events.push({ tag, time, record });
            messages.push(record["log"] ?? "");
          }
          if (ack === undefined) continue;
          acks.push(ack);
          socket.write(Buffer.concat([Buffer.from([0x81, 0xa3]), Buffer.from("ack"), text(ack)]));
        }
      });
    },
    messages,
  );
  return Object.assign(server, {
    events,
    acks,
    get isAnswering() {
      return state.isAnswering;
    },
    set isAnswering(is) {
      state.isAnswering = is;
    },
  });
}

const text = (value: string): Buffer =>
  Buffer.concat([Buffer.from([0xd9, value.length]), Buffer.from(value)]);

interface Decoded {
  readonly value: unknown;
  readonly end: number;
}

/** One MessagePack value; undefined while it is incomplete. Throws for types that the driver has no use for. */
function decode(bytes: Buffer, at: number): Decoded | undefined {
  const type = bytes[at];
  if (type === undefined) return undefined;
  const sized = (width: number): number | undefined =>
    bytes.length < at + 1 + width ? undefined : bytes.readUIntBE(at + 1, width);
  const string = (length: number | undefined, width: number): Decoded | undefined => {
    const from = at + 1 + width;
    if (length === undefined || bytes.length < from + length) return undefined;
    return { value: bytes.toString("utf8", from, from + length), end: from + length };
  };
  const many = (count: number | undefined, width: number): { values: unknown[]; end: number } | undefined => {
    if (count === undefined) return undefined;
    const values: unknown[] = [];
    let end = at + 1 + width;
    for (let left = count; left > 0; left--) {
      const entry = decode(bytes, end);
      if (entry === undefined) return undefined;
      values.push(entry.value);
      end = entry.end;
    }
    return { values, end };
  };
  const list = (count: number | undefined, width: number): Decoded | undefined => {
    const read = many(count, width);
    return read === undefined ? undefined : { value: read.values, end: read.end };
  };
  const map = (count: number | undefined, width: number): Decoded | undefined => {
    const read = many(count === undefined ? undefined : count * 2, width);
    if (read === undefined) return undefined;
    const pairs = read.values.flatMap((name, index) =>
      index % 2 === 0 ? [[name, read.values[index + 1]] as const] : [],
    );
    return { value: Object.fromEntries(pairs), end: read.end };
  };
  const number = (width: number): Decoded | undefined => {
    const value = sized(width);
    return value === undefined ? undefined : { value, end: at + 1 + width };
  };
  if (type < 0x80) return { value: type, end: at + 1 };
  if (type < 0x90) return map(type & 0x0f, 0);
  if (type < 0xa0) return list(type & 0x0f, 0);
  if (type < 0xc0) return string(type & 0x1f, 0);
  switch (type) {
    case 0xcc:
      return number(1);
    case 0xcd:
      return number(2);
    case 0xce:
      return number(4);
    case 0xd7:
      if (bytes.length < at + 10) return undefined;
      return {
        value: {
          type: bytes[at + 1],
          seconds: bytes.readUInt32BE(at + 2),
          nanos: bytes.readUInt32BE(at + 6),
        },
        end: at + 10,
      };
    case 0xd9:
      return string(sized(1), 1);
    case 0xda:
      return string(sized(2), 2);
    case 0xdc:
      return list(sized(2), 2);
    case 0xde:
      return map(sized(2), 2);
    default:
      throw new Error(`MessagePack type 0x${type.toString(16)} at ${at}`);
  }
}
