import { createHash } from "node:crypto";
import { Duplex } from "node:stream";
import { Client, type ClientChannel } from "ssh2";
import { DockerError } from "./errors.ts";

/** An engine behind an ssh server. The other side needs the docker CLI, as for `DOCKER_HOST=ssh://`. */
export interface SshOptions {
  readonly host: string;
  readonly port?: number;
  readonly username: string;
  readonly privateKey?: string | Buffer;
  readonly passphrase?: string;
  /** Socket of an ssh agent that holds the key. */
  readonly agent?: string;
  /** The server's key as `ssh-keygen -l` shows it, "SHA256:…"; another one is refused. */
  readonly hostFingerprint: string;
  /** The engine's socket over there; without it what `docker` finds by itself. */
  readonly socketPath?: string;
}

const READY_LIMIT_MS = 20_000;

/**
 * A `connect` for `DockerOptions`: each call opens one ssh connection and runs `docker system dial-stdio` on the other side. Closing
 * the stream closes the connection, and ending it is passed on as a half-close. Rejects with DockerError, status 0.
 */
export function sshConnect(options: SshOptions): () => Promise<Duplex> {
  const { socketPath, hostFingerprint, ...login } = options;
  const host = socketPath === undefined ? "" : `--host '${`unix://${socketPath}`.replaceAll("'", `'\\''`)}' `;
  const command = `docker ${host}system dial-stdio`;
  return () => {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    const client = new Client();
    const fail = (error: Error): void => {
      client.destroy();
      reject(
        new DockerError(0, `ssh ${login.username}@${login.host}: ${error.message}`, null, { cause: error }),
      );
    };
    client.on("error", fail);
    client.on("ready", () => {
      client.exec(command, (error, channel) => {
        if (error !== undefined) return fail(error);
        resolve(streamOf(channel, client, command));
      });
    });
    client.connect({
      ...login,
      readyTimeout: READY_LIMIT_MS,
      hostVerifier: (key: Buffer) => fingerprintOf(key) === hostFingerprint,
    });
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

function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}
