import type { Volume as VolumeRecord } from "@longshore/protocol";
import type { Abortable, Call } from "./call.ts";
import type { Caller } from "./caller.ts";
import type { Modem } from "./modem.ts";

/** A named volume. */
export class Volume {
  readonly name: string;
  readonly modem: Modem;
  readonly inspect: Call<Abortable, VolumeRecord>;
  readonly remove: Call<Abortable & { readonly force?: boolean }, null>;

  constructor(caller: Caller, name: string) {
    this.name = name;
    this.modem = caller.modem;
    const path = `/volumes/${encodeURIComponent(name)}`;
    this.inspect = caller.json({ method: "GET", path });
    this.remove = caller.json({ method: "DELETE", path });
  }
}
