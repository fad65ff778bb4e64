import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { SecureContext } from "node:tls";
import { errno, LongshoreError, messageOf } from "#kernel";

/** Docker's own place, so that what is set up for it holds here too. */
export const USUAL_CERTIFICATES = "/etc/docker/certs.d";

/** What a registry's folder holds, as PEM. */
export interface Certificates {
  readonly authorities: readonly string[];
  /** For the registry's own host only. */
  readonly clients: readonly { readonly certificate: string; readonly key: string }[];
}

const NONE: Certificates = { authorities: [], clients: [] };

/**
 * Reads `folder/NAME` (a registry's host, with its port where it has one): `*.crt` are authorities, `*.cert` with `*.key` are client pairs.
 * Throws `invalid` for half a pair and for what cannot be read. Source: dockerd, certs.d.
 */
export async function readCertificates(folder: string, name: string): Promise<Certificates> {
  if (!/^[\w.:[\]-]+$/.test(name) || /^\.+$/.test(name)) return NONE;
  const place = path.join(folder, name);
  let names: readonly string[];
  try {
    names = (await readdir(place)).toSorted();
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR") return NONE;
    throw new LongshoreError("invalid", `certificates in "${place}": ${messageOf(error)}`, { cause: error });
  }
  const read = async (file: string): Promise<string> => {
    try {
      return await readFile(path.join(place, file), "utf8");
    } catch (error) {
      throw new LongshoreError("invalid", `certificate "${path.join(place, file)}": ${messageOf(error)}`, {
        cause: error,
      });
    }
  };
  const authorities: string[] = [];
  const clients: { certificate: string; key: string }[] = [];
  for (const file of names) {
    const stem = file.slice(0, file.lastIndexOf("."));
    if (file.endsWith(".crt")) authorities.push(await read(file));
    if (file.endsWith(".cert")) {
      if (!names.includes(`${stem}.key`))
        throw new LongshoreError(
          "invalid",
          `missing key ${stem}.key for client certificate ${file}. CA certificates must use the extension .crt`,
        );
      clients.push({ certificate: await read(file), key: await read(`${stem}.key`) });
    }
    if (file.endsWith(".key") && !names.includes(`${stem}.cert`))
      throw new LongshoreError("invalid", `missing client certificate ${stem}.cert for key ${file}`);
  }
  return { authorities, clients };
}

/** The machine's authorities: Node's and the system's, read once. */
let machine: readonly string[] | undefined;
function machineAuthorities(): readonly string[] {
  const { getCACertificates } = process.getBuiltinModule("node:tls");
  return (machine ??= [...new Set([...getCACertificates("default"), ...getCACertificates("system")])]);
}

/**
 * The machine's authorities and the registry's own, and the client pairs where the host is the registry's.
 * Throws `invalid` naming the registry for what is no PEM.
 */
export function secureContextOf(
  { authorities, clients }: Certificates,
  peer: { readonly isOwnHost: boolean; readonly isInsecure: boolean; readonly name: string },
): SecureContext {
  try {
    return process.getBuiltinModule("node:tls").createSecureContext({
      // Who is not checked needs no authorities; reading them takes its time.
      ...(!peer.isInsecure && { ca: [...machineAuthorities(), ...authorities] }),
      ...(peer.isOwnHost &&
        clients.length > 0 && {
          cert: clients.map(({ certificate }) => certificate),
          key: clients.map(({ key }) => key),
        }),
    });
  } catch (error) {
    throw new LongshoreError("invalid", `certificates of registry ${peer.name}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Go's words for what Node found wrong with a certificate; clients match on them. */
export function certificateFault(code: string | undefined, error: unknown): string | undefined {
  const verify = (what: string): string => `tls: failed to verify certificate: x509: ${what}`;
  switch (code ?? "") {
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return verify("certificate signed by unknown authority");
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return verify("certificate has expired or is not yet valid");
    case "ERR_TLS_CERT_ALTNAME_INVALID": {
      const { host, cert } = error as { host?: string; cert?: { subjectaltname?: string } };
      const names = (cert?.subjectaltname ?? "").replaceAll(/(?:DNS|IP Address):/g, "");
      return verify(
        `certificate is valid for ${names === "" ? "no name" : names}, not ${host ?? "this host"}`,
      );
    }
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return /wrong version|packet length/i.test(messageOf(error))
        ? "http: server gave HTTP response to HTTPS client"
        : undefined;
    case "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED":
      return "remote error: tls: certificate required";
    case "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE":
      return "remote error: tls: bad certificate";
    default:
      return undefined;
  }
}
