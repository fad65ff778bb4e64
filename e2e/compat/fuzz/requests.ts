import { tarOf } from "@longshore/testkit";
import fc from "fast-check";
import {
  type ApiDescription,
  type DescribedOperation,
  type Parameter,
  type Schema,
} from "../engine-api/schema.ts";

/** A request as it is sent; bodies of JSON are text. */
export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string | Buffer;
  readonly type: string;
}

export const STARTER = "longshore/starter:latest";
/** A registry that nobody answers for: nothing leaves this machine. */
const NOWHERE = "127.0.0.1:1";
const NAMES = ["victim", "nosuch", "bridge", "fuzz-net", "fuzz-data", STARTER, "0", "a", "..", "ü", "%"];
const TEXTS = [
  "",
  "0",
  "1",
  "-1",
  "true",
  "no",
  "1h",
  "a=b",
  "a:b",
  "{",
  "[]",
  "null",
  "SIGKILL",
  "::1",
  "10.251.0.0/24",
  "../..",
  "linux/amd64",
  "\u0000",
  "x".repeat(300),
  "all",
  "ctrl-a",
  "1700000000.5",
];

const word = fc.oneof(
  fc.constantFrom(...TEXTS, ...NAMES),
  fc.string({ maxLength: 12 }).map((text) => text.replaceAll("/", "_")),
);
const odd = fc.constantFrom<unknown>(
  null,
  true,
  0,
  -1,
  0.5,
  1e300,
  2 ** 53,
  "",
  "text",
  [],
  [[]],
  {},
  { a: 1 },
  [null],
);
const number = fc.oneof(
  fc.integer({ min: -2, max: 200 }),
  fc.constantFrom(0, 1000, 64 << 20, 2 ** 31, 2 ** 53, 1e9),
);

/**
 * Fields whose value reaches beyond the container: paths and settings of the host, addresses of others, ports, links. Values that do
 * no harm, and some that can't be.
 */
const fields = (folder: string, cgroupParent: string): Readonly<Record<string, fc.Arbitrary<unknown>>> => {
  const place = fc.constantFrom(`${folder}/one`, `${folder}/one/two`, "relative", "/proc/nosuch/x", "");
  const target = fc.constantFrom("/mnt", "/", "/etc", "data", "/proc", "/mnt/../..", "");
  const texts = (...values: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
  const listOf = (one: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.array(one, { maxLength: 2 });
  return {
    Image: fc.oneof({ weight: 6, arbitrary: fc.constant(STARTER) }, { weight: 1, arbitrary: word }),
    Cmd: fc.constantFrom<unknown>(["true"], ["sleep", "1000"], ["cat"], ["nosuch"], [""], [], "true", [
      "sh",
      "-c",
      "exit 3",
    ]),
    Entrypoint: fc.constantFrom<unknown>([], [""], ["/bin/sh"], ["nosuch"], null),
    Binds: listOf(
      fc.tuple(place, target, texts("", ":ro", ":rw,z", ":odd")).map(([a, b, c]) => `${a}:${b}${c}`),
    ),
    Source: fc.oneof(place, texts("fuzz-data", "UPPER/x")),
    Target: target,
    Destination: target,
    PathOnHost: texts("/dev/null", "/dev/nosuch", "", "/dev/zero"),
    PathInContainer: texts("/dev/x", "x", ""),
    Path: texts("/dev/nosuch", "", "/dev/null"),
    CgroupParent: texts("", cgroupParent, `${cgroupParent}/a`),
    HostPort: texts("", "0", "abc", "70000", "9-1"),
    HostIp: texts("", "127.0.0.1", "::1", "odd"),
    Sysctls: fc.constantFrom<unknown>(
      {},
      { "net.core.somaxconn": "4096" },
      { "odd.name": "1" },
      { "net.ipv4.nosuch": "1" },
      { "": "" },
    ),
    NetworkMode: texts(
      "",
      "default",
      "bridge",
      "host",
      "none",
      "container:victim",
      "container:",
      "fuzz-net",
      "nosuch",
    ),
    PidMode: texts("", "container:victim", "odd", "container:nosuch"),
    IpcMode: texts("", "private", "shareable", "none", "container:victim", "odd"),
    UTSMode: texts("", "odd"),
    Privileged: fc.constant(false),
    Type: texts(
      "",
      "bind",
      "volume",
      "tmpfs",
      "npipe",
      "cluster",
      "image",
      "json-file",
      "none",
      "local",
      "odd",
    ),
    SecurityOpt: listOf(
      texts("no-new-privileges", "seccomp=unconfined", "seccomp={", "seccomp={}", "label=x", "odd"),
    ),
    Subnet: texts("10.217.3.0/24", "fd00:217::/64", "odd", "", "10.217.3.0/33"),
    IPRange: texts("", "10.217.3.128/25", "10.1.0.0/16"),
    Gateway: texts("", "10.217.3.1", "10.1.1.1", "odd"),
    Name: fc.oneof(texts("fuzz-net", "fuzz-data", "always", "on-failure", "no", "nofile", ""), word),
    Driver: texts("", "bridge", "local", "host", "odd", "default"),
    Options: fc.constantFrom<unknown>(
      {},
      { "com.docker.network.bridge.enable_icc": "false" },
      { "com.docker.network.driver.mtu": "9" },
      { a: "b" },
    ),
    DriverOpts: fc.constantFrom<unknown>(
      {},
      { a: "b" },
      { type: "tmpfs", device: "tmpfs", o: "size=1m" },
      { "com.docker.network.endpoint.ifname": "x" },
    ),
    serveraddress: texts(NOWHERE, ""),
    PublishAllPorts: fc.boolean(),
    CpuRealtimePeriod: fc.constantFrom(0, 1000),
    CpuRealtimeRuntime: fc.constantFrom(0, 100),
    Devices: fc.constantFrom<unknown>(
      [],
      null,
      [{ PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "rwm" }],
      [{}],
    ),
    DeviceCgroupRules: listOf(texts("c 1:3 r", "odd", "")),
  };
};

const QUERY: Readonly<Record<string, fc.Arbitrary<string>>> = {
  fromImage: word.map((name) => `${NOWHERE}/${name}`),
  fromSrc: fc.constantFrom("-", "-", "odd", "http://127.0.0.1:1/x"),
  repo: fc.constantFrom("fuzz/made", "UPPER", "", "a b"),
  term: fc.constant(`${NOWHERE}/x`),
  signal: fc.constantFrom("", "SIGTERM", "9", "0", "SIGNOSUCH", "SIGUSR1", "-1"),
  t: fc.constantFrom("0", "1", "-5", "x", ""),
  path: fc.constantFrom("/", "/etc", "/etc/passwd", "", "nosuch", "/../..", "/proc/1/root", "/etc/\u0000"),
  filters: fc.oneof(
    fc
      .dictionary(
        fc.constantFrom("label", "status", "name", "until", "dangling", "type", "odd", "id"),
        fc.oneof(fc.array(word, { maxLength: 2 }), odd),
        { maxKeys: 2 },
      )
      .map((value) => JSON.stringify(value)),
    word,
  ),
  filter: word,
};

/** Operations that ask a registry by the image's name in their path: only of the one that nobody answers for. */
const REMOTE = new Set(["POST /images/{name}/push", "GET /distribution/{name}/json"]);

/** Requests of every operation of a description, most of them nearly right. `folder` and `cgroupParent` are the only places of the host that they name. */
export function requestsOf(
  api: ApiDescription,
  version: string,
  folder: string,
  cgroupParent: string,
): fc.Arbitrary<FuzzRequest> {
  const known = fields(folder, cgroupParent);
  const made = new Map<string, fc.Arbitrary<unknown>>();

  const valueOf = (schema: Schema, depth: number): fc.Arbitrary<unknown> => {
    if (schema.$ref !== undefined) {
      const key = `${schema.$ref} ${depth}`;
      const found =
        made.get(key) ?? valueOf(api.definitions[schema.$ref.replace("#/definitions/", "")] ?? {}, depth);
      made.set(key, found);
      return found;
    }
    const right = rightValueOf(schema, depth);
    return fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: odd });
  };
  const rightValueOf = (schema: Schema, depth: number): fc.Arbitrary<unknown> => {
    const parts = schema.allOf ?? [];
    if (schema.properties !== undefined || parts.length > 0) {
      if (depth === 0) return fc.constant({});
      const members = Object.entries(schema.properties ?? {}).map(
        ([name, member]) => [name, known[name] ?? valueOf(member, depth - 1)] as const,
      );
      const own = fewOf(members);
      return fc
        .tuple(own, ...parts.map((part) => valueOf(part, depth)))
        .map((all) => Object.assign({}, ...all.filter((one) => typeof one === "object")) as object);
    }
    if (schema.enum !== undefined) return fc.oneof(fc.constantFrom(...schema.enum), word);
    if (schema.type === "array")
      return depth === 0
        ? fc.constant([])
        : fc.array(valueOf(schema.items ?? {}, depth - 1), { maxLength: 3 });
    if (schema.type === "object" && typeof schema.additionalProperties === "object")
      return depth === 0
        ? fc.constant({})
        : fc.dictionary(
            fc.oneof(fc.constantFrom("80/tcp", "a", "nofile", "fuzz-net", "/mnt"), word),
            valueOf(schema.additionalProperties, depth - 1),
            { maxKeys: 2 },
          );
    if (schema.type === "boolean") return fc.boolean();
    if (schema.type === "integer" || schema.type === "number") return number;
    return schema.type === "string" ? word : odd;
  };

  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
  return fc.oneof(...operations.map(({ method, path, operation }) => requestOf(method, path, operation)));

  function requestOf(method: string, path: string, operation: DescribedOperation): fc.Arbitrary<FuzzRequest> {
    const parameters = operation.parameters ?? [];
    const query = fewOf(
      parameters.filter((one) => one.in === "query").map((one) => [one.name, queryOf(one)] as const),
    );
    const schema = parameters.find((one) => one.in === "body")?.schema;
    const isRaw = schema?.type === "string";
    const body =
      schema === undefined
        ? fc.constantFrom<string | Buffer>("", "", "{}")
        : isRaw
          ? fc.constantFrom<string | Buffer>(
              tarOf([{ name: "file", data: "text" }]),
              Buffer.from("no archive"),
              "",
            )
          : fc.oneof(
              { weight: 12, arbitrary: valueOf(schema, 5).map((value) => JSON.stringify(value)) },
              { weight: 1, arbitrary: fc.constantFrom("", "{", "[", "null", "{}x", "[".repeat(20_000)) },
            );
    const name = REMOTE.has(`${method} ${path}`)
      ? word.map((text) => `${NOWHERE}/${encodeURIComponent(text)}`)
      : fc.oneof(
          { weight: 4, arbitrary: fc.constant("victim") },
          { weight: 1, arbitrary: word.map(encodeURIComponent) },
        );
    return fc
      .tuple(
        fc.constantFrom(`/v${version}`, `/v${version}`, ""),
        name,
        query,
        body,
        fc.constantFrom("", "application/json", "text/plain"),
      )
      .map(([prefix, at, given, content, other]) => {
        const search = new URLSearchParams(given as Record<string, string>).toString();
        return {
          method,
          path: `${prefix}${path.replaceAll(/\{\w+\}/g, at)}${search === "" ? "" : `?${search}`}`,
          body: method === "GET" || method === "HEAD" ? "" : content,
          type: isRaw ? "application/x-tar" : other === "text/plain" ? other : "application/json",
        };
      });
  }

  function queryOf({ name, type }: Parameter): fc.Arbitrary<string> {
    const own = QUERY[name];
    if (own !== undefined) return own;
    if (type === "boolean") return fc.constantFrom("1", "0", "true", "false", "odd", "");
    return type === "integer" ? fc.oneof(number.map(String), word) : word;
  }
}

/** Some of the named values, seldom many. */
function fewOf(members: readonly (readonly [string, fc.Arbitrary<unknown>])[]): fc.Arbitrary<object> {
  if (members.length === 0) return fc.constant({});
  const one = fc.oneof(...members.map(([name, value]) => value.map((given) => [name, given] as const)));
  return fc.array(one, { maxLength: 5 }).map((pairs) => Object.fromEntries(pairs));
}
