import type { Volume as VolumeRecord } from "@longshore/protocol";
import { call, type Abortable, type Call } from "./call.ts";
import type { Transport } from "./transport.ts";

/** A named volume. */
export class Volume {
  readonly name: string;
  readonly inspect: Call<Abortable, VolumeRecord>;
  readonly remove: Call<Abortable & { readonly force?: boolean }, null>;

  constructor(transport: Transport, name: string) {
    this.name = name;
    const path = `/volumes/${encodeURIComponent(name)}`;
    this.inspect = call(({ abortSignal }) => transport.json({ method: "GET", path, signal: abortSignal }));
    this.remove = call(({ abortSignal, ...query }) =>
      transport.json<null>({ method: "DELETE", path, query, signal: abortSignal }),
    );
  }
}
