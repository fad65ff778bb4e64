import { LongshoreError } from "#kernel";

export interface ServerAddress {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  /** Of a unix socket. */
  readonly path: string;
}

/** `tcp://host:port`, `unix:///path`, with `defaults` for what is missing. Throws `invalid` naming `option`. */
export function parseServerAddress(
  option: string,
  text: string,
  schemes: readonly string[],
  defaults: { readonly scheme?: string; readonly host: string; readonly port: number },
): ServerAddress {
  const refuse = (why: string): LongshoreError =>
    new LongshoreError("invalid", `invalid ${option} '${text}': ${why}`);
  const cut = text.indexOf("://");
  const scheme = cut < 0 ? defaults.scheme : text.slice(0, cut);
  const rest = cut < 0 ? text : text.slice(cut + 3);
  if (scheme === undefined) throw refuse("want PROTOCOL://ADDRESS");
  if (!schemes.includes(scheme)) throw refuse(`unsupported scheme: '${scheme}'`);
  if (scheme.startsWith("unix")) {
    if (!rest.startsWith("/")) throw refuse("the path of a unix socket must be absolute");
    return { scheme, host: "", port: 0, path: rest };
  }
  const match = /^(\[[0-9a-fA-F:.%]+\]|[^:/[\]]*)(?::(\d{0,5}))?\/?$/.exec(rest);
  const port = match?.[2] === undefined || match[2] === "" ? defaults.port : Number(match[2]);
  if (match === null || port > 65_535) throw refuse("want HOST:PORT");
  const host = (match[1] ?? "").replaceAll(/[[\]]/g, "");
  return { scheme, host: host === "" ? defaults.host : host, port, path: "" };
}
