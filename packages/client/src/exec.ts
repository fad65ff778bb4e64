import { Duplex } from "node:stream";
import type { ExecInspect } from "@longshore/protocol";
import { call, type Abortable, type Call } from "./call.ts";
import type { Caller } from "./caller.ts";
import { requestOf } from "./endpoint.ts";
import type { Modem } from "./modem.ts";

export interface StartExecOptions extends Abortable {
  readonly Detach?: boolean;
  readonly Tty?: boolean;
  /** Rows and columns. */
  readonly ConsoleSize?: readonly [number, number];
  /** Accepted for dockerode's callers: the connection is always taken over. */
  readonly hijack?: boolean;
  readonly stdin?: boolean;
}

/** A process beside a container's own, made by `container.exec`. */
export class Exec {
  readonly id: string;
  readonly modem: Modem;
  readonly inspect: Call<Abortable, ExecInspect>;
  readonly resize: Call<Abortable & { readonly h?: number; readonly w?: number }, null>;
  readonly start: Call<StartExecOptions, Duplex>;

  constructor(caller: Caller, id: string) {
    this.id = id;
    this.modem = caller.modem;
    const path = `/exec/${encodeURIComponent(id)}`;
    this.inspect = caller.json({ method: "GET", path: `${path}/json` });
    this.resize = caller.json({ method: "POST", path: `${path}/resize` });
    this.start = call(async ({ hijack: _hijack, stdin: _stdin, ...options }) => {
      const body = { Detach: false, Tty: false, ...options };
      const request = requestOf({ method: "POST", path: `${path}/start`, takes: "body" }, body);
      // A detached process has no connection to take over: the answer ends at once.
      return body.Detach
        ? Duplex.from(await caller.transport.stream(request))
        : await caller.transport.hijack(request);
    });
  }
}
