import type { Readable } from "node:stream";
import type { ImageDeleteItem, ImageHistoryItem, ImageInspect } from "@longshore/protocol";
import { call, type Abortable, type Call } from "./call.ts";
import type { Transport } from "./transport.ts";

/** An image by name or id. */
export class Image {
  readonly name: string;
  readonly inspect: Call<Abortable, ImageInspect>;
  readonly history: Call<Abortable, readonly ImageHistoryItem[]>;
  readonly get: Call<Abortable, Readable>;
  readonly tag: Call<Abortable & { readonly repo: string; readonly tag?: string }, null>;
  readonly push: Call<Abortable & { readonly tag?: string; readonly authconfig?: object }, Readable>;
  readonly remove: Call<
    Abortable & { readonly force?: boolean; readonly noprune?: boolean },
    readonly ImageDeleteItem[]
  >;

  constructor(transport: Transport, name: string) {
    this.name = name;
    const path = `/images/${name.split("/").map(encodeURIComponent).join("/")}`;
    this.inspect = call(({ abortSignal }) =>
      transport.json({ method: "GET", path: `${path}/json`, signal: abortSignal }),
    );
    this.history = call(({ abortSignal }) =>
      transport.json({ method: "GET", path: `${path}/history`, signal: abortSignal }),
    );
    this.get = call(({ abortSignal }) =>
      transport.stream({ method: "GET", path: `${path}/get`, signal: abortSignal }),
    );
    this.tag = call((options) => {
      const { abortSignal, ...query } = options;
      return transport.json<null>({ method: "POST", path: `${path}/tag`, query, signal: abortSignal });
    });
    this.push = call(({ abortSignal, authconfig, ...query }) =>
      transport.stream({
        method: "POST",
        path: `${path}/push`,
        query,
        headers: registryAuth(authconfig ?? {}),
        signal: abortSignal,
      }),
    );
    this.remove = call(({ abortSignal, ...query }) =>
      transport.json({ method: "DELETE", path, query, signal: abortSignal }),
    );
  }
}

/** The header in which Docker carries registry credentials: URL-safe base64 of a JSON object. */
export function registryAuth(credentials: object): Record<string, string> {
  return { "X-Registry-Auth": Buffer.from(JSON.stringify(credentials)).toString("base64url") };
}
