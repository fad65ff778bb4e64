import type { Readable } from "node:stream";
import { call, callWithAuth, type Abortable, type Call, type CallWithAuth } from "./call.ts";
import type { Caller } from "./caller.ts";
import type { Modem } from "./modem.ts";

type PluginRecord = Readonly<Record<string, unknown>>;
/** `_body` holds the privileges that are granted, as `privileges()` told them. */
type PullOptions = Abortable & {
  readonly name?: string;
  readonly remote?: string;
  readonly authconfig?: object;
};

/** A managed plugin by name. `remote` is what it is pulled from, its name without one. */
export class Plugin {
  readonly name: string;
  readonly remote: string;
  readonly modem: Modem;
  readonly inspect: Call<Abortable, PluginRecord>;
  readonly remove: Call<Abortable & { readonly force?: boolean }, PluginRecord>;
  readonly privileges: Call<Abortable, readonly PluginRecord[] | null>;
  readonly pull: Call<PullOptions, Readable>;
  readonly enable: Call<Abortable & { readonly timeout?: number }, null>;
  readonly disable: Call<Abortable & { readonly force?: boolean }, null>;
  readonly push: Call<Abortable & { readonly authconfig?: object }, null>;
  /** Settings, "NAME=value" each, as `_body` or the options themselves. */
  readonly configure: Call<(Abortable & object) | readonly string[], null>;
  readonly upgrade: CallWithAuth<PullOptions, null>;

  constructor(caller: Caller, name: string, remote?: string) {
    this.name = name;
    this.remote = remote ?? name;
    this.modem = caller.modem;
    const path = `/plugins/${name.split("/").map(encodeURIComponent).join("/")}`;
    const from = { remote: this.remote };
    this.inspect = caller.json({ method: "GET", path: `${path}/json` });
    this.remove = caller.json({ method: "DELETE", path });
    this.privileges = caller.json({ method: "GET", path: "/plugins/privileges", defaults: from });
    this.pull = call(({ _query, ...options }) =>
      caller.open(
        { method: "POST", path: "/plugins/pull", defaults: { name, ...from } },
        { ...options, ..._query },
      ),
    );
    this.enable = caller.json({ method: "POST", path: `${path}/enable` });
    this.disable = caller.json({ method: "POST", path: `${path}/disable` });
    this.push = caller.json({ method: "POST", path: `${path}/push` });
    this.configure = caller.json({ method: "POST", path: `${path}/set`, takes: "body" });
    this.upgrade = callWithAuth((options) =>
      caller.ask({ method: "POST", path: `${path}/upgrade`, defaults: from }, options),
    );
  }
}
