import type { EndpointSettings, Network as NetworkRecord } from "@longshore/protocol";
import type { Abortable, Call } from "./call.ts";
import type { Caller } from "./caller.ts";
import type { Modem } from "./modem.ts";

/** A network by name or id. */
export class Network {
  readonly id: string;
  readonly modem: Modem;
  readonly inspect: Call<Abortable & { readonly verbose?: boolean; readonly scope?: string }, NetworkRecord>;
  readonly remove: Call<Abortable, null>;
  readonly connect: Call<
    Abortable & { readonly Container?: string; readonly EndpointConfig?: EndpointSettings },
    null
  >;
  readonly disconnect: Call<Abortable & { readonly Container?: string; readonly Force?: boolean }, null>;

  constructor(caller: Caller, id: string) {
    this.id = id;
    this.modem = caller.modem;
    const path = `/networks/${encodeURIComponent(id)}`;
    this.inspect = caller.json({ method: "GET", path });
    this.remove = caller.json({ method: "DELETE", path });
    this.connect = caller.json({ method: "POST", path: `${path}/connect`, takes: "body" });
    this.disconnect = caller.json({ method: "POST", path: `${path}/disconnect`, takes: "body" });
  }
}
