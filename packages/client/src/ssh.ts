import { Duplex } from "node:stream";
import { Client, type ClientChannel, type ServerHostKeyAlgorithm } from "ssh2";
import { DockerError } from "./errors.ts";
import {
  fingerprintOf,
  judge,
  knownTypes,
  nameOf,
  readKnownHosts,
  remember,
  type Server,
  usualFiles,
} from "./known-hosts.ts";

/** An engine behind an ssh server. The other side needs the docker CLI, as for `DOCKER_HOST=ssh://`. */
export interface SshOptions {
  readonly host: string;
  readonly port?: number;
  readonly username: string;
  readonly privateKey?: string | Buffer;
  readonly passphrase?: string;
  /** Socket of an ssh agent that holds the key. */
  readonly agent?: string;
  /** The server's key as `ssh-keygen -l` shows it, "SHA256:…"; another one is refused. Instead of known hosts. */
  readonly hostFingerprint?: string;
  /** Says whether the server's key (as in a known_hosts file, without base64) is the right one. Instead of known hosts. */
  readonly verifyHostKey?: (key: Buffer) => boolean | Promise<boolean>;
  /** known_hosts files; without them OpenSSH's: `~/.ssh/known_hosts`, `/etc/ssh/ssh_known_hosts`, and each with a 2. */
  readonly knownHosts?: readonly string[];
  /** OpenSSH's StrictHostKeyChecking: a server that no file knows is refused ("yes"), or added to the first file. */
  readonly strictHostKeyChecking?: "yes" | "accept-new";
  /** The engine's socket over there; without it what `docker` finds by itself. */
  readonly socketPath?: string;
}

const READY_LIMIT_MS = 20_000;
/** In the order of ssh2's own preference. */
const KEY_ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
  "ssh-rsa",
];

/**
 * A `connect` for `DockerOptions`: each call opens one ssh connection and runs `docker system dial-stdio` on the other side. Closing
 * the stream closes the connection, and ending it is passed on as a half-close. Rejects with DockerError, status 0.
 */
export function sshConnect(options: SshOptions): () => Promise<Duplex> {
  const { host: name, port, username, privateKey, passphrase, agent, socketPath } = options;
  const host = socketPath === undefined ? "" : `--host '${`unix://${socketPath}`.replaceAll("'", `'\\''`)}' `;
  const command = `docker ${host}system dial-stdio`;
  return () => {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    const client = new Client();
    let refusal: Error | undefined;
    const fail = (error: Error): void => {
      client.destroy();
      const cause = refusal ?? error;
      reject(new DockerError(0, `ssh ${username}@${name}: ${cause.message}`, null, { cause }));
    };
    client.on("error", fail);
    client.on("ready", () => {
      client.exec(command, (error, channel) => {
        if (error !== undefined) return fail(error);
        resolve(streamOf(channel, client, command));
      });
    });
    try {
      const hostKey = hostCheck(options);
      client.connect({
        host: name,
        username,
        ...(port !== undefined && { port }),
        ...(privateKey !== undefined && { privateKey }),
        ...(passphrase !== undefined && { passphrase }),
        ...(agent !== undefined && { agent }),
        readyTimeout: READY_LIMIT_MS,
        algorithms: { serverHostKey: [...hostKey.algorithms] },
        hostVerifier: (key: Buffer, verify: (isRight: boolean) => void): void => {
          hostKey.check(key).then(
            () => verify(true),
            (error: unknown) => {
              refusal = error instanceof Error ? error : new Error(String(error));
              verify(false);
            },
          );
        },
      });
    } catch (error) {
      fail(error as Error);
    }
    return promise;
  };
}

/** The channel as a stream whose end waits for the command's exit: the reason of a failure comes after the end of its output. */
function streamOf(channel: ClientChannel, client: Client, command: string): Duplex {
  let words = "";
  let exit: number | null | undefined;
  const stream = new Duplex({
    read: () => void channel.resume(),
    write: (chunk: Buffer, _, done) => void channel.write(chunk, done),
    final: (done) => {
      channel.end();
      done();
    },
    destroy: (error, done) => {
      client.end();
      done(error);
    },
  });
  channel.on("data", (chunk: Buffer) => {
    if (!stream.push(chunk)) channel.pause();
  });
  channel.stderr.on("data", (chunk: Buffer) => (words = `${words}${chunk.toString()}`.slice(-1_000)));
  channel.on("exit", (code: number | null) => (exit = code));
  const finish = (): void => {
    client.end();
    if (exit === 0) stream.push(null);
    else if (exit === undefined) stream.destroy(new Error("the ssh connection broke"));
    else stream.destroy(new Error(`"${command}" ended with ${exit ?? "a signal"}: ${words.trim()}`));
  };
  channel.once("close", finish);
  // A connection that breaks closes no channel.
  client.once("close", () => {
    if (exit === undefined) finish();
  });
  channel.on("error", (error: Error) => stream.destroy(error));
  client.on("error", (error) => stream.destroy(error));
  return stream;
}

interface HostCheck {
  /** Rejects with the reason for which a key is refused. */
  check(key: Buffer): Promise<void>;
  /** What to ask the server for, first the kinds of key that it is known by. */
  readonly algorithms: readonly ServerHostKeyAlgorithm[];
}

function hostCheck(options: SshOptions): HostCheck {
  const { hostFingerprint, verifyHostKey, strictHostKeyChecking = "yes" } = options;
  const server: Server = { host: options.host, port: options.port ?? 22 };
  if (hostFingerprint !== undefined || verifyHostKey !== undefined)
    return {
      algorithms: KEY_ALGORITHMS,
      check: async (key) => {
        const isWanted = hostFingerprint === undefined || hostFingerprint === fingerprintOf(key);
        if (isWanted && (verifyHostKey === undefined || (await verifyHostKey(key)))) return;
        const wanted = isWanted ? "" : `, want ${hostFingerprint}`;
        throw new Error(`the host key of ${nameOf(server)} is refused: ${fingerprintOf(key)}${wanted}`);
      },
    };
  const files = options.knownHosts ?? usualFiles();
  const types = knownTypes(readKnownHosts(files), server);
  const isKnown = (algorithm: string): boolean =>
    types.includes(algorithm.startsWith("rsa-") ? "ssh-rsa" : algorithm);
  return {
    algorithms: KEY_ALGORITHMS.toSorted((a, b) => Number(isKnown(b)) - Number(isKnown(a))),
    check: async (key) => {
      const verdict = judge(readKnownHosts(files), server, key);
      if (verdict.kind === "refused") throw new Error(verdict.why);
      if (verdict.kind === "known") return;
      const [first] = files;
      if (strictHostKeyChecking !== "accept-new" || first === undefined)
        throw new Error(
          `the host key of ${nameOf(server)}, ${fingerprintOf(key)}, is in none of ${files.join(", ")}`,
        );
      remember(first, server, key);
    },
  };
}
