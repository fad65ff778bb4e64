import { request } from "node:http";

/** One request of a journey, and what it must answer. Names in `at` and `body` that begin with `$` stand for what earlier answers told. */
export interface Step {
  /** The operation as the description names it: `GET /containers/{id}/json`. */
  readonly call: string;
  readonly at: string;
  readonly status: number;
  /** A value to send as JSON, or bytes. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Begin of the answer's content type where the description's list leaves a choice. */
  readonly type?: string;
  /** What an error says, or what a stream carries. */
  readonly says?: RegExp;
  /** Keeps a member of the answer under a name for later steps. */
  readonly keep?: readonly [name: string, member: string];
  /** The answer is one JSON text a line: every line must fit. */
  readonly isLines?: boolean;
  /** The client asks for another protocol. */
  readonly upgrade?: "tcp" | "websocket";
  /** Repeated until it has its status. */
  readonly isRepeated?: boolean;
  /** Minor of the first API version that answers so. */
  readonly minMinor?: number;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly bytes: Buffer;
}

/** How long a connection that was taken over is listened to. */
const LISTEN_MS = 3000;

/** Sends a step at an API version. Throws when nothing answers. */
export function send(
  socketPath: string,
  version: string,
  step: Step,
  known: Readonly<Record<string, string>>,
): Promise<Answer> {
  const filled = (text: string): string =>
    text.replaceAll(/\$([a-z]+)/g, (whole, name: string) => known[name] ?? whole);
  const [method = ""] = step.call.split(" ");
  const place = filled(step.at);
  const isJson = step.body !== undefined && !Buffer.isBuffer(step.body);
  const body = Buffer.isBuffer(step.body)
    ? step.body
    : step.body === undefined
      ? undefined
      : filled(JSON.stringify(step.body));
  const headers = {
    ...(isJson && { "Content-Type": "application/json" }),
    ...(body !== undefined && { "Content-Length": Buffer.byteLength(body) }),
    ...(step.upgrade !== undefined && { Connection: "Upgrade", Upgrade: step.upgrade }),
    ...(step.upgrade === "websocket" && {
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version": "13",
    }),
    ...step.headers,
  };
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path: `/v${version}${place}`, headers, agent: false });
    sent.once("response", (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (chunk: Buffer) => pieces.push(chunk));
      response.once("error", reject);
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers["content-type"] ?? "",
          bytes: Buffer.concat(pieces),
        }),
      );
    });
    sent.once("upgrade", (response, socket, head) => {
      const pieces: Buffer[] = [head];
      const leave = setTimeout(() => socket.destroy(), LISTEN_MS);
      socket.on("data", (chunk: Buffer) => pieces.push(chunk));
      socket.on("error", () => undefined);
      socket.once("close", () => {
        clearTimeout(leave);
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers["content-type"] ?? "",
          bytes: Buffer.concat(pieces),
        });
      });
      socket.once("end", () => socket.end());
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** A step of one operation: its status, its place and more. */
export const step = (call: string, at: string, status: number, more: Partial<Step> = {}): Step => ({
  call,
  at,
  status,
  ...more,
});
