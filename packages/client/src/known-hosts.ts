import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** One line of a known_hosts file. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
interface KnownHost {
  readonly isRevoked: boolean;
  /** Patterns with commas between, or one hashed name. */
  readonly names: string;
  readonly keyType: string;
  readonly key: Buffer;
  /** FILE:LINE. */
  readonly place: string;
}

export interface Server {
  readonly host: string;
  readonly port: number;
}

/** What known hosts say to a key; `refused` says why not. */
export type Verdict =
  | { readonly kind: "known" }
  /** No line is about this server. */
  | { readonly kind: "new" }
  | { readonly kind: "refused"; readonly why: string };

/** As OpenSSH reads them: the user's own, then the machine's. */
export function usualFiles(): readonly string[] {
  const own = join(homedir(), ".ssh");
  return [own, "/etc/ssh"].flatMap((folder) => {
    const name = folder === own ? "known_hosts" : "ssh_known_hosts";
    return [join(folder, name), join(folder, `${name}2`)];
  });
}

/** The lines of all files; one that is not there has none. Any other failure to read is thrown. */
export function readKnownHosts(files: readonly string[]): readonly KnownHost[] {
  return files.flatMap((file) => {
    try {
      return parseKnownHosts(readFileSync(file, "utf8"), file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  });
}

/** Comments, lines that can't be read, and certificate authorities (no plain key is theirs) are left out, as OpenSSH does. */
export function parseKnownHosts(text: string, file: string): readonly KnownHost[] {
  return text.split("\n").flatMap((line, index) => {
    const words = line.trim().split(/[ \t]+/);
    const marker = words[0]?.startsWith("@") === true ? words.shift() : undefined;
    const [names = "", keyType = "", key = ""] = words;
    const isPlain = marker === undefined || marker === "@revoked";
    if (!isPlain || names === "" || names.startsWith("#") || key === "") return [];
    const bytes = Buffer.from(key, "base64");
    if (typeOfKey(bytes) !== keyType) return [];
    const isRevoked = marker !== undefined;
    return [{ isRevoked, names, keyType, key: bytes, place: `${file}:${index + 1}` }];
  });
}

/** The kinds of key that are known of the server, to be asked for first: it may have others too. */
export function knownTypes(known: readonly KnownHost[], server: Server): readonly string[] {
  return linesOf(known, server)
    .filter(({ isRevoked }) => !isRevoked)
    .map(({ keyType }) => keyType);
}

/** OpenSSH's rules; stricter in one: a server whose keys of other kinds are known is not a new one. */
export function judge(known: readonly KnownHost[], server: Server, key: Buffer): Verdict {
  const name = nameOf(server);
  const print = fingerprintOf(key);
  const revoked = known.find(
    (line) => line.isRevoked && line.key.equals(key) && namesFit(line.names, [name, server.host]),
  );
  if (revoked !== undefined)
    return { kind: "refused", why: `the host key ${print} of ${name} is revoked by ${revoked.place}` };
  const lines = linesOf(known, server).filter(({ isRevoked }) => !isRevoked);
  if (lines.some((line) => line.key.equals(key))) return { kind: "known" };
  const [other] = lines.filter(({ keyType }) => keyType === typeOfKey(key)).concat(lines);
  if (other === undefined) return { kind: "new" };
  return {
    kind: "refused",
    why: `the host key of ${name} is ${print}, want ${fingerprintOf(other.key)} as in ${other.place}: somebody may be in between`,
  };
}

/** Lines about the server with its port; where there are none, those about the host that no port is named of. */
function linesOf(known: readonly KnownHost[], server: Server): readonly KnownHost[] {
  const own = known.filter(({ names }) => namesFit(names, [nameOf(server)]));
  return own.length > 0 ? own : known.filter(({ names }) => namesFit(names, [server.host]));
}

/** `host`, or `[host]:port` of another port than 22. */
export function nameOf({ host, port }: Server): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

/** The line is added to the file, which only its owner may read when it is made here. */
export function remember(file: string, server: Server, key: Buffer): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  let before = "";
  try {
    before = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const line = `${nameOf(server).toLowerCase()} ${typeOfKey(key)} ${key.toString("base64")}\n`;
  appendFileSync(file, before === "" || before.endsWith("\n") ? line : `\n${line}`, { mode: 0o600 });
}

/** As `ssh-keygen -l` shows it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** A key begins with its kind's name (RFC 4253, 6.6). */
function typeOfKey(key: Buffer): string {
  return key.length < 4 ? "" : key.subarray(4, 4 + key.readUInt32BE(0)).toString("latin1");
}

function namesFit(names: string, wanted: readonly string[]): boolean {
  return wanted.some((name) =>
    names.startsWith("|") ? hashFits(names, name.toLowerCase()) : patternsFit(names, name.toLowerCase()),
  );
}

/** `|1|SALT|HASH`: HMAC-SHA1 of the name, keyed by the salt. */
function hashFits(hashed: string, name: string): boolean {
  const [, scheme, salt = "", hash = ""] = hashed.split("|");
  const wanted = Buffer.from(hash, "base64");
  const own = createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest();
  return scheme === "1" && wanted.length === own.length && timingSafeEqual(wanted, own);
}

/** `*` and `?` stand for any characters and for one; a pattern with `!` that fits refuses the whole line. */
function patternsFit(patterns: string, name: string): boolean {
  const fits = (pattern: string): boolean => {
    const source = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
    return new RegExp(`^${source.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name);
  };
  const all = patterns.toLowerCase().split(",");
  const isRefused = all.some((pattern) => pattern.startsWith("!") && fits(pattern.slice(1)));
  return !isRefused && all.some((pattern) => !pattern.startsWith("!") && fits(pattern));
}
