import type { CreateContainerRequest, PortBinding } from "@longshore/protocol";

/** What the run form holds: text as typed, one entry a line where several fit. */
export interface RunChoices {
  readonly image: string;
  readonly name: string;
  readonly command: string;
  readonly env: string;
  readonly ports: string;
  readonly volumes: string;
  readonly network: string;
  readonly memory: string;
  readonly cpus: string;
  readonly restart: string;
  readonly isInteractive: boolean;
  readonly removesItself: boolean;
}

export const emptyRun: RunChoices = {
  image: "",
  name: "",
  command: "",
  env: "",
  ports: "",
  volumes: "",
  network: "",
  memory: "",
  cpus: "",
  restart: "no",
  isInteractive: false,
  removesItself: false,
};

export type Faults = Partial<Record<keyof RunChoices, string>>;

const lines = (text: string): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

/** Splits a command as a shell would: quotes and backslashes, no expansions. */
export function splitCommand(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? "";
    if (quote !== "") {
      if (letter === quote) quote = "";
      else if (letter === "\\" && quote === '"' && /["\\$`]/.test(text[at + 1] ?? ""))
        word = (word ?? "") + (text[++at] ?? "");
      else word = (word ?? "") + letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= "";
    } else if (letter === "\\" && at + 1 < text.length) word = (word ?? "") + (text[++at] ?? "");
    else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + letter;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** "64m", "1.5g" to bytes; undefined when it is no size. Units are binary, as docker's. */
export function parseMemory(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)\s*([bkmg]?)b?$/i.exec(text.trim());
  if (found === null) return undefined;
  const power = { "": 0, b: 0, k: 1, m: 2, g: 3 }[(found[2] ?? "").toLowerCase()] ?? 0;
  return Math.round(Number(found[1]) * 1024 ** power);
}

const PORT =
  /^(?:(?<address>\d+\.\d+\.\d+\.\d+|\[[\da-f:]+\]):)?(?:(?<host>\d+(?:-\d+)?):)?(?<inside>\d+(?:-\d+)?)(?:\/(?<kind>tcp|udp|sctp))?$/i;

function range(text: string): readonly number[] {
  const [first = 0, last = first] = text.split("-").map(Number);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
}

/** What is wrong, field by field; empty when it can run. */
export function faultsOf(choices: RunChoices): Faults {
  const faults: Faults = {};
  if (choices.image.trim() === "") faults.image = "Choose an image.";
  if (choices.name !== "" && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(choices.name))
    faults.name = "Two or more letters, digits, _ . or -, the first a letter or digit.";
  const port = lines(choices.ports).find((line) => {
    const groups = PORT.exec(line)?.groups;
    if (groups === undefined) return true;
    const inside = range(groups["inside"] ?? "");
    const host = groups["host"] === undefined ? inside : range(groups["host"]);
    return (
      inside.length === 0 ||
      host.length !== inside.length ||
      [...inside, ...host].some((one) => one < 1 || one > 65_535)
    );
  });
  if (port !== undefined)
    faults.ports = `“${port}” is no port: write 8080:80, 127.0.0.1:8080:80 or 53:53/udp.`;
  const env = lines(choices.env).find((line) => !/^[^=\s]+=/.test(line));
  if (env !== undefined) faults.env = `“${env}” needs the form NAME=value.`;
  const volume = lines(choices.volumes).find(
    (line) => !/^[^:]+:\/[^:]*(:(ro|rw))?$/.test(line) && !line.startsWith("/"),
  );
  if (volume !== undefined)
    faults.volumes = `“${volume}” needs the form name:/path or /host/path:/path, with :ro for read-only.`;
  if (choices.memory !== "" && parseMemory(choices.memory) === undefined)
    faults.memory = "Write 64m or 1.5g.";
  if (choices.cpus !== "" && !(Number(choices.cpus) > 0)) faults.cpus = "Write a number such as 0.5.";
  if (choices.removesItself && choices.restart !== "no")
    faults.restart = "A container that removes itself cannot restart.";
  return faults;
}

/** The request that the engine gets. Call it only without faults. */
export function runRequest(choices: RunChoices): CreateContainerRequest {
  const exposed: Record<string, object> = {};
  const bindings: Record<string, PortBinding[]> = {};
  for (const line of lines(choices.ports)) {
    const { address = "", host, inside = "", kind = "tcp" } = PORT.exec(line)?.groups ?? {};
    const outside = host === undefined ? undefined : range(host);
    for (const [at, port] of range(inside).entries()) {
      const key = `${port}/${kind.toLowerCase()}`;
      exposed[key] = {};
      (bindings[key] ??= []).push({
        HostIp: address.replace(/^\[|\]$/g, ""),
        HostPort: String(outside?.[at] ?? ""),
      });
    }
  }
  const command = splitCommand(choices.command);
  const memory = parseMemory(choices.memory);
  const mounts = lines(choices.volumes);
  const binds = mounts.filter((line) => line.includes(":"));
  const anonymous = mounts.filter((line) => !line.includes(":"));
  return {
    Image: choices.image.trim(),
    ...(command.length > 0 ? { Cmd: command } : {}),
    ...(choices.env.trim() === "" ? {} : { Env: lines(choices.env) }),
    ...(Object.keys(exposed).length > 0 ? { ExposedPorts: exposed } : {}),
    ...(anonymous.length > 0 ? { Volumes: Object.fromEntries(anonymous.map((path) => [path, {}])) } : {}),
    ...(choices.isInteractive ? { Tty: true, OpenStdin: true } : {}),
    HostConfig: {
      ...(Object.keys(bindings).length > 0 ? { PortBindings: bindings } : {}),
      ...(binds.length > 0 ? { Binds: binds } : {}),
      ...(choices.network === "" ? {} : { NetworkMode: choices.network }),
      ...(choices.memory !== "" && memory !== undefined ? { Memory: memory } : {}),
      ...(choices.cpus === "" ? {} : { NanoCpus: Math.round(Number(choices.cpus) * 1e9) }),
      ...(choices.restart === "no" ? {} : { RestartPolicy: { Name: choices.restart } }),
      ...(choices.removesItself ? { AutoRemove: true } : {}),
    },
  };
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The same as a docker command, ready for a terminal. */
export function dockerCommand(choices: RunChoices): string {
  const words = ["docker", "run", choices.isInteractive ? "-dit" : "-d"];
  const option = (flag: string, value: string): void => {
    if (value !== "") words.push(flag, value);
  };
  if (choices.removesItself) words.push("--rm");
  option("--name", choices.name);
  for (const line of lines(choices.env)) option("-e", line);
  for (const line of lines(choices.ports)) option("-p", line);
  for (const line of lines(choices.volumes)) option("-v", line);
  option("--network", choices.network);
  option("--memory", choices.memory);
  option("--cpus", choices.cpus);
  if (choices.restart !== "no") option("--restart", choices.restart);
  words.push(choices.image.trim() === "" ? "IMAGE" : choices.image.trim(), ...splitCommand(choices.command));
  return words.map(quoted).join(" ");
}
