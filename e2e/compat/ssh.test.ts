import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Docker as Client } from "@longshore/client";
import { sshConnect, type SshOptions } from "@longshore/client/ssh";
import { freePort } from "@longshore/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, STARTER, until } from "./docker.ts";
import { execReadsStdinToItsEnd } from "./stdin-exec.ts";

let folder = "";
let docker: Docker;
let server: ChildProcess;
let options: SshOptions;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "longshore-ssh-"));
  const port = await freePort();
  for (const [name, type] of [
    ["host", "ed25519"],
    ["ecdsa", "ecdsa"],
    ["client", "ed25519"],
  ] as const)
    execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", join(folder, name)]);
  const settings = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${folder}/host`,
    `HostKey ${folder}/ecdsa`,
    `AuthorizedKeysFile ${folder}/client.pub`,
    "PidFile none",
    "UsePAM no",
    "StrictModes no",
    "PasswordAuthentication no",
    "PermitRootLogin prohibit-password",
    "MaxStartups 100",
  ];
  writeFileSync(join(folder, "sshd_config"), settings.join("\n"));
  mkdirSync("/run/sshd", { recursive: true });
  server = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(folder, "sshd_config")], { stdio: "ignore" });
  await until("sshd", async () => {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    return isOpen;
  });
  docker = await openDocker();
  const shown = execFileSync("ssh-keygen", ["-l", "-f", join(folder, "host.pub")], { encoding: "utf8" });
  options = {
    host: "127.0.0.1",
    port,
    username: "root",
    privateKey: readFileSync(join(folder, "client")),
    hostFingerprint: /SHA256:\S+/.exec(shown)?.[0] ?? "",
    socketPath: docker.socket,
  };
});
afterAll(async () => {
  await docker?.[Symbol.asyncDispose]();
  if (server?.exitCode === null) {
    server.kill();
    await once(server, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

test("packages/client execs over ssh with stdin until its end", async () => {
  const client = new Client({ connect: sshConnect(options) });
  expect(await client.ping()).toBe("OK");
  await execReadsStdinToItsEnd(client);
});

test("sshConnect() refuses another server's key, and a login the server refuses", async () => {
  const ping = (changed: object): Promise<string> =>
    new Client({ connect: sshConnect({ ...options, ...changed }) }).ping();
  await expect(ping({ hostFingerprint: "SHA256:other" })).rejects.toMatchObject({
    statusCode: 0,
    message: expect.stringMatching(/ssh root@127\.0\.0\.1: .*[Hh]ost/) as string,
  });
  await expect(ping({ username: "nobody" })).rejects.toThrow(/ssh nobody@127\.0\.0\.1: .*authentication/);
});

test("sshConnect() goes by known_hosts: refuses who is not in it, adds when told, knows hashed names, notices another key", async () => {
  const file = join(folder, "none yet", "known_hosts");
  const { hostFingerprint: _, ...byFile } = { ...options, knownHosts: [file] };
  const ping = (changed: Partial<SshOptions> = {}): Promise<string> =>
    new Client({ connect: sshConnect({ ...byFile, ...changed }) }).ping();
  await expect(ping()).rejects.toThrow(
    `ssh root@127.0.0.1: the host key of [127.0.0.1]:${options.port}, ${options.hostFingerprint}, is in none of ${file}`,
  );
  expect(await ping({ strictHostKeyChecking: "accept-new" })).toBe("OK");
  // As OpenSSH itself reads what was added.
  const name = `[127.0.0.1]:${options.port}`;
  execFileSync("ssh-keygen", ["-q", "-F", name, "-f", file]);
  execFileSync("ssh-keygen", ["-H", "-f", file], { stdio: "ignore" });
  expect(readFileSync(file, "utf8")).toMatch(/^\|1\|/);
  expect(await ping()).toBe("OK");
  const other = readFileSync(join(folder, "client.pub"), "utf8");
  writeFileSync(file, `${name} ${other}`);
  for (const strictHostKeyChecking of ["yes", "accept-new"] as const)
    await expect(ping({ strictHostKeyChecking })).rejects.toThrow(
      new RegExp(
        `the host key of .* is ${options.hostFingerprint?.replaceAll("+", ".")}, want SHA256:.* as in .*:1: `,
      ),
    );
});

test("sshConnect() asks a server of many keys for the one that is known", async () => {
  const file = join(folder, "known");
  const ecdsa = readFileSync(join(folder, "ecdsa.pub"), "utf8");
  writeFileSync(file, `127.0.0.1,[127.0.0.1]:${options.port} ${ecdsa}`);
  const { hostFingerprint: _, ...byFile } = { ...options, knownHosts: [file] };
  expect(await new Client({ connect: sshConnect(byFile) }).ping()).toBe("OK");
});

test("sshConnect() asks the caller's own verifier", async () => {
  const { hostFingerprint: _, ...login } = options;
  const seen: Buffer[] = [];
  const ping = (isRight: boolean): Promise<string> => {
    const verifyHostKey = async (key: Buffer): Promise<boolean> => (seen.push(key), isRight);
    return new Client({ connect: sshConnect({ ...login, verifyHostKey }) }).ping();
  };
  expect(await ping(true)).toBe("OK");
  await expect(ping(false)).rejects.toThrow(/the host key of .* is refused: SHA256:/);
  expect(seen[0]?.toString("base64")).toBe(readFileSync(join(folder, "host.pub"), "utf8").split(" ")[1]);
});

test("sshConnect() tells what the other side said when there is no engine", async () => {
  const client = new Client({
    connect: sshConnect({ ...options, socketPath: join(folder, "it's none.sock") }),
  });
  await expect(client.ping()).rejects.toThrow(/dial-stdio" ended with 1: .*it's none\.sock/s);
});

test("a connection that breaks is an error of its streams, not their end", async () => {
  const client = new Client({ connect: sshConnect(options) });
  const made = await client.createContainer({ Image: STARTER, Cmd: ["sleep", "600"] });
  await made.start();
  const stream = await made.attach({ stream: true, stdout: true });
  const broken = once(stream, "end");
  stream.resume();
  const sessions = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8").trim().split(" ");
  for (const pid of sessions) process.kill(Number(pid), "SIGKILL");
  await expect(broken).rejects.toThrow("the ssh connection broke");
  await made.remove({ force: true });
});
