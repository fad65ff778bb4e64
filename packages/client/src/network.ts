import type { EndpointSettings, Network as NetworkRecord } from "@longshore/protocol";
import { call, type Abortable, type Call } from "./call.ts";
import type { Transport } from "./transport.ts";

/** A network by name or id. */
export class Network {
  readonly id: string;
  readonly inspect: Call<Abortable & { readonly verbose?: boolean }, NetworkRecord>;
  readonly remove: Call<Abortable, null>;
  readonly connect: Call<
    Abortable & { readonly Container: string; readonly EndpointConfig?: EndpointSettings },
    null
  >;
  readonly disconnect: Call<Abortable & { readonly Container: string; readonly Force?: boolean }, null>;

  constructor(transport: Transport, id: string) {
    this.id = id;
    const path = `/networks/${encodeURIComponent(id)}`;
    this.inspect = call(({ abortSignal, ...query }) =>
      transport.json({ method: "GET", path, query, signal: abortSignal }),
    );
    this.remove = call(({ abortSignal }) =>
      transport.json<null>({ method: "DELETE", path, signal: abortSignal }),
    );
    this.connect = call((options) => {
      const { abortSignal, ...body } = options;
      return transport.json<null>({ method: "POST", path: `${path}/connect`, body, signal: abortSignal });
    });
    this.disconnect = call((options) => {
      const { abortSignal, ...body } = options;
      return transport.json<null>({ method: "POST", path: `${path}/disconnect`, body, signal: abortSignal });
    });
  }
}
