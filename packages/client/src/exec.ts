import { Duplex } from "node:stream";
import type { ExecInspect } from "@longshore/protocol";
import { call, type Abortable, type Call } from "./call.ts";
import type { Transport } from "./transport.ts";

export interface StartExecOptions extends Abortable {
  readonly Detach?: boolean;
  readonly Tty?: boolean;
  /** Accepted for dockerode's callers: the connection is always taken over. */
  readonly hijack?: boolean;
  readonly stdin?: boolean;
}

/** A process beside a container's own, made by `container.exec`. */
export class Exec {
  readonly id: string;
  readonly inspect: Call<Abortable, ExecInspect>;
  readonly resize: Call<Abortable & { readonly h: number; readonly w: number }, null>;
  readonly start: Call<StartExecOptions, Duplex>;

  constructor(transport: Transport, id: string) {
    this.id = id;
    const path = `/exec/${encodeURIComponent(id)}`;
    this.inspect = call(({ abortSignal }) =>
      transport.json({ method: "GET", path: `${path}/json`, signal: abortSignal }),
    );
    this.resize = call(({ abortSignal, ...query }) =>
      transport.json<null>({ method: "POST", path: `${path}/resize`, query, signal: abortSignal }),
    );
    this.start = call(async ({ abortSignal, Detach, Tty }) => {
      const request = {
        method: "POST" as const,
        path: `${path}/start`,
        body: { Detach: Detach ?? false, Tty: Tty ?? false },
        signal: abortSignal,
      };
      // A detached process has no connection to take over: the answer ends at once.
      return Detach === true ? Duplex.from(await transport.stream(request)) : await transport.hijack(request);
    });
  }
}
