import type { Readable } from "node:stream";
import { call, callWithAuth, type Abortable, type Call, type CallWithAuth } from "./call.ts";
import type { Caller } from "./caller.ts";
import type { LogsCall, LogsOptions } from "./container-options.ts";
import type { Modem } from "./modem.ts";

/** A record of a swarm as its manager tells it; Longshore is never one. Source: Docker Engine API. */
export type SwarmRecord = Readonly<Record<string, unknown>>;
/** Words of the query (`version`) together with the new spec. */
export type SwarmUpdate = Abortable & Readonly<Record<string, unknown>>;

abstract class SwarmObject {
  readonly id: string;
  readonly modem: Modem;
  readonly inspect: Call<Abortable, SwarmRecord>;
  readonly remove: Call<Abortable & { readonly force?: boolean }, null>;
  readonly update: Call<SwarmUpdate, SwarmRecord | null>;

  constructor(caller: Caller, id: string, path: string) {
    this.id = id;
    this.modem = caller.modem;
    this.inspect = caller.json({ method: "GET", path });
    this.remove = caller.json({ method: "DELETE", path });
    this.update = caller.json({ method: "POST", path: `${path}/update`, takes: ["version"] });
  }
}

export class Secret extends SwarmObject {
  constructor(caller: Caller, id: string) {
    super(caller, id, `/secrets/${encodeURIComponent(id)}`);
  }
}

export class Config extends SwarmObject {
  constructor(caller: Caller, id: string) {
    super(caller, id, `/configs/${encodeURIComponent(id)}`);
  }
}

/** A machine of a swarm. */
export class Node extends SwarmObject {
  constructor(caller: Caller, id: string) {
    super(caller, id, `/nodes/${encodeURIComponent(id)}`);
  }
}

export class Service {
  readonly id: string;
  readonly modem: Modem;
  readonly inspect: Call<Abortable & { readonly insertDefaults?: boolean }, SwarmRecord>;
  readonly remove: Call<Abortable, null>;
  readonly update: CallWithAuth<SwarmUpdate, SwarmRecord>;
  /** A stream with `follow`, else the bytes. */
  readonly logs: LogsCall;

  constructor(caller: Caller, id: string) {
    this.id = id;
    this.modem = caller.modem;
    const path = `/services/${encodeURIComponent(id)}`;
    this.inspect = caller.json({ method: "GET", path });
    this.remove = caller.json({ method: "DELETE", path });
    this.update = callWithAuth((options) =>
      caller.ask(
        { method: "POST", path: `${path}/update`, takes: ["version", "registryAuthFrom", "rollback"] },
        options,
      ),
    );
    this.logs = logsOf(caller, path);
  }
}

/** One container's worth of a service. */
export class Task {
  readonly id: string;
  readonly modem: Modem;
  readonly inspect: Call<Abortable, SwarmRecord>;
  readonly logs: LogsCall;
  readonly defaultOptions: { readonly log: Record<string, unknown> } = { log: {} };

  constructor(caller: Caller, id: string) {
    this.id = id;
    this.modem = caller.modem;
    const path = `/tasks/${encodeURIComponent(id)}`;
    this.inspect = caller.json({ method: "GET", path });
    this.logs = logsOf(caller, path, this.defaultOptions.log);
  }
}

function logsOf(caller: Caller, path: string, defaults: Readonly<Record<string, unknown>> = {}): LogsCall {
  const endpoint = { method: "GET", path: `${path}/logs`, defaults } as const;
  return call<LogsOptions, Buffer | Readable>((options) =>
    (options.follow ?? defaults["follow"]) === true
      ? caller.open(endpoint, options)
      : caller.bytes(endpoint, options),
  ) as LogsCall;
}
