import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** Files of one certificate and its private key, PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority for tests. */
export interface Authority {
  /** File of its own certificate, PEM. */
  readonly ca: string;
  /** Issues a certificate with `name` as common name, good for 127.0.0.1 and localhost, on both sides; expired with negative `days`. */
  issue(name: string, days?: number): Issued;
}

/** Makes an authority in `folder` with openssl. */
export function makeAuthority(folder: string): Authority {
  mkdirSync(folder, { recursive: true });
  const openssl = (...args: readonly string[]): void =>
    void execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const newKey = (name: string): readonly string[] => [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    `${name}.key`,
  ];
  openssl("req", "-x509", ...newKey("ca"), "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority");
  return {
    ca: join(folder, "ca.pem"),
    issue(name, days = 2) {
      const names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
      openssl("req", ...newKey(name), ...names, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      openssl(
        "x509",
        "-req",
        "-in",
        `${name}.csr`,
        "-out",
        `${name}.pem`,
        "-days",
        String(days),
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-copy_extensions",
        "copy",
      );
      return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
    },
  };
}
