import type { Readable } from "node:stream";
import type { ImageDeleteItem, ImageHistoryItem, ImageInspect } from "@longshore/protocol";
import { call, settle, type Abortable, type Call, type Callback } from "./call.ts";
import type { Caller } from "./caller.ts";
import type { Modem } from "./modem.ts";

export interface PushOptions extends Abortable {
  readonly tag?: string;
  readonly platform?: string;
  readonly authconfig?: object;
}

/** An image by name or id. */
export class Image {
  readonly name: string;
  readonly modem: Modem;
  readonly inspect: Call<Abortable & { readonly manifests?: boolean }, ImageInspect>;
  readonly history: Call<Abortable & { readonly platform?: string }, readonly ImageHistoryItem[]>;
  readonly get: Call<Abortable & { readonly platform?: string }, Readable>;
  readonly tag: Call<Abortable & { readonly repo?: string; readonly tag?: string }, null>;
  /** What a registry says of the image, without a pull. */
  readonly distribution: Call<
    Abortable & { readonly authconfig?: object },
    Readonly<{ Descriptor: Readonly<Record<string, unknown>>; Platforms: readonly object[] }>
  >;
  readonly remove: Call<
    Abortable & { readonly force?: boolean; readonly noprune?: boolean },
    readonly ImageDeleteItem[]
  >;
  readonly #push: Call<PushOptions, Readable>;

  constructor(caller: Caller, name: string) {
    this.name = name;
    this.modem = caller.modem;
    const encoded = name.split("/").map(encodeURIComponent).join("/");
    const path = `/images/${encoded}`;
    this.inspect = caller.json({ method: "GET", path: `${path}/json` });
    this.history = caller.json({ method: "GET", path: `${path}/history` });
    this.get = caller.stream({ method: "GET", path: `${path}/get` });
    this.tag = caller.json({ method: "POST", path: `${path}/tag` });
    this.distribution = caller.json({ method: "GET", path: `/distribution/${encoded}/json` });
    this.remove = caller.json({ method: "DELETE", path });
    // Docker wants the header even when there is nothing to say in it.
    this.#push = call((options) =>
      caller.open({ method: "POST", path: `${path}/push`, defaults: { authconfig: {} } }, options),
    );
  }

  /** Progress lines of a push. Credentials last, or as `authconfig`. */
  push(options?: PushOptions): Promise<Readable>;
  push(callback: Callback<Readable>): void;
  push(options: PushOptions | undefined, callback: Callback<Readable>, auth?: object): void;
  push(options: PushOptions | undefined, callback: undefined, auth: object): Promise<Readable>;
  push(
    first?: PushOptions | Callback<Readable>,
    second?: Callback<Readable>,
    auth?: object,
  ): Promise<Readable> | void {
    const [options, callback] = typeof first === "function" ? [{}, first] : [first ?? {}, second];
    return settle(this.#push(auth === undefined ? options : { authconfig: auth, ...options }), callback);
  }
}
