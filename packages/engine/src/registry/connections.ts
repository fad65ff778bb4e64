import { createHash } from "node:crypto";
import type { Dispatcher } from "undici";
import { LongshoreError } from "#kernel";
import { readCertificates, secureContextOf } from "./certificates.ts";
import { parseProxy, type ProxySettings, proxyFor, withoutSecrets } from "./proxy.ts";

export interface ConnectionSettings {
  /** Folder of registries' certificates by host and port. */
  readonly certificates: string;
  readonly proxies: ProxySettings;
  readonly headMs: number;
  readonly idleMs: number;
}

/** For whose sake a connection is made. */
export interface Peer {
  /** The registry whose authorities are trusted, as its certificates' folder is called. */
  readonly registry: string | undefined;
  /** TLS certificates are not checked. */
  readonly isInsecure: boolean;
}

type Undici = typeof import("undici");

/** Connection pools by proxy, registry and trust; a pool is made anew when the registry's certificates have changed. */
export class Connections implements AsyncDisposable {
  readonly #settings: ConnectionSettings;
  readonly #pools = new Map<string, { readonly version: string; readonly pool: Dispatcher }>();

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  /** Throws `invalid` for certificates that cannot be used and for a proxy that is no HTTP proxy. */
  async for(url: URL, { registry, isInsecure }: Peer): Promise<Dispatcher> {
    const proxy = proxyFor(url, this.#settings.proxies);
    // Loaded by the first request: it is a third of what an engine's start would compile.
    const undici = await import("undici");
    if (url.protocol !== "https:")
      return this.#pool(`plain ${proxy}`, "", () => this.#open(undici, proxy, {}));
    const certificates =
      registry === undefined
        ? { authorities: [], clients: [] }
        : await readCertificates(this.#settings.certificates, registry);
    const isOwn = registry !== undefined && isHostOf(url, registry);
    const key = JSON.stringify([proxy, registry, isOwn, isInsecure]);
    const version = createHash("sha256").update(JSON.stringify(certificates)).digest("hex");
    return this.#pool(key, version, () =>
      this.#open(undici, proxy, {
        rejectUnauthorized: !isInsecure,
        secureContext: secureContextOf(certificates, {
          isOwnHost: isOwn,
          isInsecure,
          name: registry ?? url.host,
        }),
      }),
    );
  }

  #pool(key: string, version: string, open: () => Dispatcher): Dispatcher {
    const known = this.#pools.get(key);
    if (known?.version === version) return known.pool;
    const pool = open();
    this.#pools.set(key, { version, pool });
    // What is under way on the old one may end.
    void known?.pool.close();
    return pool;
  }

  #open({ Agent, ProxyAgent }: Undici, proxy: string, tls: object): Dispatcher {
    const timeouts = { headersTimeout: this.#settings.headMs, bodyTimeout: this.#settings.idleMs };
    if (proxy === "") return new Agent({ ...timeouts, connect: tls });
    const url = parseProxy(proxy);
    if (url === undefined)
      throw new LongshoreError(
        "invalid",
        `proxy "${withoutSecrets(proxy)}", want http://HOST:PORT or https://HOST:PORT`,
      );
    return new ProxyAgent({ ...timeouts, uri: url.href, requestTls: tls, proxyTunnel: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#pools.values()].map(({ pool }) => pool.destroy()));
  }
}

function isHostOf(url: URL, registry: string): boolean {
  if (registry === "docker.io") return url.hostname.endsWith(".docker.io");
  return URL.canParse(`https://${registry}`) && new URL(`https://${registry}`).host === url.host;
}
