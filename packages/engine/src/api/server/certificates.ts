import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { errno, LongshoreError, messageOf } from "#kernel";

/** The files behind `--tls`, under dockerd's flag names. */
export interface TlsFiles {
  readonly tlscert: string;
  readonly tlskey: string;
  /** Whose certificates clients must show; without it none is asked for. */
  readonly tlscacert?: string;
}

/** What a TLS server shows and asks for, as PEM, read and checked. */
export interface Certificates {
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate signed by one of these. */
  readonly clientCa?: readonly string[];
  /** What works and still deserves a person's look. */
  readonly warnings: readonly string[];
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const BY_OTHERS = 0o077;

/** Reads and checks all files of a TLS server. Throws `invalid` naming the flag, the file and what was wanted of it. */
export async function readCertificates(files: TlsFiles): Promise<Certificates> {
  const cert = await pem(files.tlscert, "--tlscert", "the server's certificate in PEM");
  const [own] = certificatesIn(cert, files.tlscert, "--tlscert");
  const key = await pem(files.tlskey, "--tlskey", "the server's private key in PEM");
  if (own?.checkPrivateKey(privateKey(key, files.tlskey)) !== true)
    throw new LongshoreError(
      "invalid",
      `--tlskey "${files.tlskey}": not the private key of the certificate in "${files.tlscert}"`,
    );
  const warnings: string[] = [];
  const { mode } = await stat(files.tlskey);
  if ((mode & BY_OTHERS) !== 0)
    warnings.push(
      `--tlskey "${files.tlskey}" has mode ${(mode & 0o777).toString(8)}: others may read the private key, want 600 or less`,
    );
  if (files.tlscacert === undefined) return { cert, key, warnings };
  const ca = await pem(files.tlscacert, "--tlscacert", "the certificates that sign clients' in PEM");
  const clientCa = certificatesIn(ca, files.tlscacert, "--tlscacert").map((one) => one.toString());
  return { cert, key, clientCa, warnings };
}

async function pem(file: string, flag: string, want: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const why = errno(error) === "ENOENT" ? "there is no such file" : messageOf(error);
    throw new LongshoreError("invalid", `${flag} "${file}": ${why}, want ${want}`, { cause: error });
  }
}

function certificatesIn(text: string, file: string, flag: string): readonly X509Certificate[] {
  const blocks = text.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0)
    throw new LongshoreError("invalid", `${flag} "${file}": no certificate in it, want PEM`);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw new LongshoreError("invalid", `${flag} "${file}": damaged certificate, want PEM`, { cause: error });
  }
}

function privateKey(text: string, file: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new LongshoreError(
      "invalid",
      `--tlskey "${file}": no readable private key in it, want PEM without a passphrase`,
      { cause: error },
    );
  }
}
