import path from "node:path";
import { LongshoreError } from "#kernel";
import type { Listen, TlsFiles } from "#api";

/** What flags and file say of TLS; absent where they say nothing. */
export interface TlsSettings {
  readonly tls?: boolean | undefined;
  readonly tlsverify?: boolean | undefined;
  readonly tlscacert?: string | undefined;
  readonly tlscert?: string | undefined;
  readonly tlskey?: string | undefined;
}

/**
 * The TLS files to serve TCP with, undefined without TLS. As dockerd: `tlsverify`, whichever its value, turns TLS on; files that
 * aren't named are `{ca,cert,key}.pem` in `folder`. Source: dockerd's reference, daemon socket options.
 */
export function tlsFilesOf(settings: TlsSettings, folder: string): TlsFiles | undefined {
  const { tls = false, tlsverify, tlscacert, tlscert, tlskey } = settings;
  if (!tls && tlsverify === undefined) {
    const [stray] =
      Object.entries({ tlscacert, tlscert, tlskey }).find(([, file]) => file !== undefined) ?? [];
    if (stray === undefined) return undefined;
    throw new LongshoreError("invalid", `--${stray} without TLS, want --tlsverify or --tls beside it`);
  }
  const place = (file: string | undefined, usual: string): string =>
    path.resolve(file ?? path.join(folder, usual));
  return {
    tlscert: place(tlscert, "cert.pem"),
    tlskey: place(tlskey, "key.pem"),
    ...(tlsverify === true && { tlscacert: place(tlscacert, "ca.pem") }),
  };
}

/** Reads one `--host`. Throws `invalid` for what is none, and for a TCP address off loopback that would let in anyone. */
export function listenOf(text: string, tls: TlsFiles | undefined): Listen {
  if (text.startsWith("unix:///")) return { kind: "unix", path: text.slice("unix://".length) };
  const match = /^tcp:\/\/(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})$/.exec(text);
  const host = match?.[1]?.replaceAll(/[[\]]/g, "");
  const port = Number(match?.[2]);
  if (host === undefined || port > 65_535)
    throw new LongshoreError("invalid", `--host "${text}", want tcp://ADDR:PORT or unix:///PATH`);
  if (tls?.tlscacert === undefined && !/^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host))
    throw new LongshoreError(
      "invalid",
      `--host "${text}": without --tlsverify only loopback addresses are served, since whoever reaches the socket is root`,
    );
  return { kind: "tcp", host, port };
}

/** One sentence for each TCP address that lets in whoever reaches it. */
export function listenWarnings(listens: readonly Listen[], tls: TlsFiles | undefined): readonly string[] {
  if (tls?.tlscacert !== undefined) return [];
  const [scheme, lack] = tls === undefined ? ["http", "encryption"] : ["https", "TLS client verification"];
  return listens
    .filter((listen) => listen.kind === "tcp")
    .map(({ host, port }) => {
      const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
      return `WARNING: API is accessible on ${scheme}://${address} without ${lack}: whoever reaches it is root on this host`;
    });
}
