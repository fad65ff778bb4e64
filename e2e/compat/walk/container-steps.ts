import { tarOf } from "@longshore/testkit";
import { type Step, step } from "./steps.ts";

const IMAGE = "longshore/starter:latest";
const RAW = "application/vnd.docker.";

/** Everything that a create of 1.41 can say and this kernel can do. */
const FULL = {
  Image: IMAGE,
  Hostname: "walk",
  Domainname: "example.org",
  User: "root",
  Env: ["A=b"],
  Cmd: ["sh", "-c", "echo out; echo err >&2; sleep 600"],
  Healthcheck: { Test: ["CMD", "true"], Interval: 100_000_000, Timeout: 1_000_000_000, Retries: 2 },
  Labels: { walk: "1" },
  Volumes: { "/anonymous": {} },
  ExposedPorts: { "80/tcp": {} },
  StopSignal: "SIGKILL",
  StopTimeout: 1,
  HostConfig: {
    Binds: ["walk-data:/data:ro"],
    Memory: 64 << 20,
    NanoCpus: 500_000_000,
    PidsLimit: 100,
    PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] },
    RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 },
    NetworkMode: "walk-net",
    CapAdd: ["NET_ADMIN"],
    CapDrop: ["MKNOD"],
    Dns: ["127.0.0.1"],
    ExtraHosts: ["a:10.0.0.1"],
    Mounts: [{ Type: "tmpfs", Target: "/scratch", TmpfsOptions: { SizeBytes: 1 << 20, Mode: 0o1777 } }],
    Tmpfs: { "/run": "size=1m" },
    Ulimits: [{ Name: "nofile", Soft: 100, Hard: 100 }],
    LogConfig: { Type: "json-file", Config: { "max-size": "1m" } },
    ShmSize: 1 << 20,
    Init: false,
  },
  NetworkingConfig: { EndpointsConfig: { "walk-net": { Aliases: ["other"] } } },
};

const until = { isRepeated: true } as const;

/** A journey of containers: made, started, told of, changed, talked to, stopped, removed. */
export const containerSteps: readonly Step[] = [
  step("POST /networks/create", "/networks/create", 201, { body: { Name: "walk-net", Labels: { a: "b" } } }),
  step("POST /containers/create", "/containers/create?name=running", 201, { body: FULL }),
  step("POST /containers/create", "/containers/create?name=running", 409, {
    body: { Image: IMAGE, Cmd: ["true"] },
    says: /is already in use by container/,
  }),
  step("POST /containers/create", "/containers/create", 404, {
    body: { Image: "nosuch" },
    says: /No such image: nosuch/,
  }),
  step("POST /containers/create", "/containers/create", 400, {
    body: { Image: IMAGE, HostConfig: { Memory: 1 } },
  }),
  step("POST /containers/create", "/containers/create", 400, {
    body: { Image: IMAGE, HostConfig: { Memory: "much" } },
  }),
  step("POST /containers/create", "/containers/create?name=ended", 201, {
    body: { Image: IMAGE, Cmd: ["sh", "-c", "touch /made; exit 3"], AttachStdout: true },
  }),
  step("POST /containers/create", "/containers/create?name=locked", 201, {
    body: { Image: IMAGE, Cmd: ["true"], HostConfig: { ReadonlyRootfs: true } },
  }),
  step("POST /containers/create", "/containers/create?name=talker", 201, {
    body: { Image: IMAGE, Cmd: ["cat"], Tty: true, OpenStdin: true },
  }),
  step("POST /containers/{id}/start", "/containers/running/start", 204),
  step("POST /containers/{id}/start", "/containers/running/start", 304),
  step("POST /containers/{id}/start", "/containers/nosuch/start", 404, { says: /No such container: nosuch/ }),
  step("POST /containers/{id}/start", "/containers/running/start", 400, { body: { HostConfig: {} } }),
  step("POST /containers/{id}/start", "/containers/ended/start?detachKeys=ctrl-a", 204),
  step("POST /containers/{id}/start", "/containers/talker/start", 204),
  step("POST /containers/{id}/wait", "/containers/ended/wait?condition=not-running", 200, {
    says: /"StatusCode":3/,
  }),
  step("POST /containers/{id}/wait", "/containers/ended/wait?condition=never", 400),
  step("POST /containers/{id}/wait", "/containers/nosuch/wait", 404),
  step("GET /containers/{id}/json", "/containers/running/json?size=1", 200, {
    says: /"Status":"healthy"/,
    ...until,
  }),
  step("GET /containers/{id}/json", "/containers/ended/json", 200),
  step("GET /containers/{id}/json", "/containers/nosuch/json", 404),
  step("GET /containers/json", "/containers/json?all=1&size=1&limit=5", 200),
  step("GET /containers/json", '/containers/json?filters={"status":["odd"]}', 400),
  step("GET /containers/{id}/top", "/containers/running/top?ps_args=aux", 200),
  step("GET /containers/{id}/top", "/containers/nosuch/top", 404),
  step("GET /containers/{id}/top", "/containers/ended/top", 409),
  step("GET /containers/{id}/logs", "/containers/running/logs?stdout=1&stderr=1&timestamps=1&tail=5", 200, {
    type: RAW,
    says: /out\n/,
  }),
  step("GET /containers/{id}/logs", "/containers/running/logs", 400),
  step("GET /containers/{id}/logs", "/containers/nosuch/logs?stdout=1", 404),
  step("GET /containers/{id}/changes", "/containers/ended/changes", 200, {
    says: /"Path":"\/made","Kind":1/,
  }),
  step("GET /containers/{id}/changes", "/containers/nosuch/changes", 404),
  step("GET /containers/{id}/export", "/containers/ended/export", 200, {
    type: "application/x-tar",
    says: /made/,
  }),
  step("GET /containers/{id}/export", "/containers/nosuch/export", 404),
  step("GET /containers/{id}/stats", "/containers/running/stats?stream=0&one-shot=1", 200),
  step("GET /containers/{id}/stats", "/containers/ended/stats?stream=0", 200),
  step("GET /containers/{id}/stats", "/containers/nosuch/stats", 404),
  step("POST /containers/{id}/resize", "/containers/talker/resize?h=10&w=20", 200),
  step("POST /containers/{id}/resize", "/containers/nosuch/resize?h=10&w=20", 404),
  step("POST /containers/{id}/resize", "/containers/talker/resize?h=ten&w=20", 400),
  step("POST /containers/{id}/attach", "/containers/ended/attach?logs=1&stdout=1", 200, { type: RAW }),
  step("POST /containers/{id}/attach", "/containers/talker/attach?stream=1&stdin=1&stdout=1", 101, {
    upgrade: "tcp",
    type: RAW,
  }),
  step("POST /containers/{id}/attach", "/containers/talker/attach?detachKeys=ctrl-", 400),
  step("POST /containers/{id}/attach", "/containers/nosuch/attach?stream=1&stdout=1", 404),
  step("GET /containers/{id}/attach/ws", "/containers/talker/attach/ws?stream=1&stdout=1", 101, {
    upgrade: "websocket",
  }),
  step("GET /containers/{id}/attach/ws", "/containers/talker/attach/ws?stream=1", 400),
  step("GET /containers/{id}/attach/ws", "/containers/nosuch/attach/ws", 404, { upgrade: "websocket" }),
  step("POST /containers/{id}/exec", "/containers/running/exec", 201, {
    body: { Cmd: ["echo", "hello"], AttachStdout: true },
    keep: ["exec", "Id"],
  }),
  step("POST /containers/{id}/exec", "/containers/running/exec", 201, {
    body: { Cmd: ["sleep", "100"], Tty: true, Env: ["A=b"], User: "root", WorkingDir: "/" },
    keep: ["long", "Id"],
  }),
  step("POST /containers/{id}/exec", "/containers/nosuch/exec", 404, { body: { Cmd: ["true"] } }),
  step("POST /containers/{id}/exec", "/containers/ended/exec", 409, { body: { Cmd: ["true"] } }),
  step("POST /containers/{id}/exec", "/containers/running/exec", 400, { body: {} }),
  step("POST /exec/{id}/start", "/exec/$exec/start", 200, {
    body: { Detach: false, Tty: false },
    type: RAW,
    says: /hello/,
  }),
  step("POST /exec/{id}/start", "/exec/$exec/start", 409, { body: {} }),
  step("POST /exec/{id}/start", "/exec/nosuch/start", 404, { body: {} }),
  step("POST /exec/{id}/start", "/exec/$long/start", 200, { body: { Detach: true, Tty: true } }),
  step("POST /exec/{id}/resize", "/exec/$long/resize?h=10&w=20", 200),
  step("POST /exec/{id}/resize", "/exec/$long/resize?h=10", 400),
  step("POST /exec/{id}/resize", "/exec/nosuch/resize?h=10&w=20", 404),
  step("GET /exec/{id}/json", "/exec/$exec/json", 200, { says: /"ExitCode":0/ }),
  step("GET /exec/{id}/json", "/exec/$long/json", 200, { says: /"ExitCode":null/ }),
  step("GET /exec/{id}/json", "/exec/nosuch/json", 404),
  step("HEAD /containers/{id}/archive", "/containers/ended/archive?path=/made", 200),
  step("HEAD /containers/{id}/archive", "/containers/ended/archive?path=/nosuch", 404),
  step("HEAD /containers/{id}/archive", "/containers/ended/archive", 400),
  step("GET /containers/{id}/archive", "/containers/ended/archive?path=/made", 200, {
    type: "application/x-tar",
  }),
  step("GET /containers/{id}/archive", "/containers/ended/archive?path=/nosuch", 404, {
    says: /Could not find the file/,
  }),
  step("GET /containers/{id}/archive", "/containers/ended/archive", 400),
  step(
    "PUT /containers/{id}/archive",
    "/containers/ended/archive?path=/&noOverwriteDirNonDir=1&copyUIDGID=1",
    200,
    { body: tarOf([{ name: "put", data: "text" }]) },
  ),
  step("PUT /containers/{id}/archive", "/containers/ended/archive?path=/", 400, {
    body: Buffer.from("no archive"),
  }),
  step("PUT /containers/{id}/archive", "/containers/locked/archive?path=/", 403, {
    body: tarOf([{ name: "put", data: "text" }]),
    says: /read-only/,
  }),
  step("PUT /containers/{id}/archive", "/containers/ended/archive?path=/nosuch", 404, {
    body: tarOf([{ name: "put", data: "text" }]),
  }),
  step("POST /containers/{id}/pause", "/containers/running/pause", 204),
  step("POST /containers/{id}/pause", "/containers/running/pause", 409, { says: /already paused/ }),
  step("POST /containers/{id}/pause", "/containers/nosuch/pause", 404),
  step("POST /containers/{id}/start", "/containers/running/start", 409),
  step("POST /containers/{id}/unpause", "/containers/running/unpause", 204),
  step("POST /containers/{id}/unpause", "/containers/running/unpause", 409),
  step("POST /containers/{id}/unpause", "/containers/nosuch/unpause", 404),
  step("POST /containers/{id}/update", "/containers/running/update", 200, {
    body: { Memory: 70 << 20, MemorySwap: -1, RestartPolicy: { Name: "always" } },
  }),
  step("POST /containers/{id}/update", "/containers/nosuch/update", 404, { body: { Memory: 70 << 20 } }),
  step("POST /containers/{id}/update", "/containers/running/update", 400, { body: { Memory: 1 } }),
  step("POST /containers/{id}/rename", "/containers/locked/rename?name=shut", 204),
  step("POST /containers/{id}/rename", "/containers/shut/rename?name=running", 409, {
    says: /already in use/,
  }),
  step("POST /containers/{id}/rename", "/containers/nosuch/rename?name=other", 404),
  step("POST /containers/{id}/rename", "/containers/shut/rename", 400),
  step("POST /containers/{id}/restart", "/containers/running/restart?t=0", 204),
  step("POST /containers/{id}/restart", "/containers/nosuch/restart", 404),
  step("POST /containers/{id}/kill", "/containers/running/kill?signal=SIGUSR1", 204),
  step("POST /containers/{id}/kill", "/containers/ended/kill", 409, { says: /is not running/ }),
  step("POST /containers/{id}/kill", "/containers/nosuch/kill", 404),
  step("POST /containers/{id}/kill", "/containers/running/kill?signal=SIGNOSUCH", 400, {
    says: /[Ii]nvalid signal/,
  }),
  step("DELETE /containers/{id}", "/containers/running", 409),
  step("DELETE /containers/{id}", "/containers/running?link=1", 400),
  step("DELETE /containers/{id}", "/containers/nosuch", 404),
  step("POST /containers/{id}/stop", "/containers/running/stop?t=0&signal=SIGKILL", 204),
  step("POST /containers/{id}/stop", "/containers/running/stop", 304),
  step("POST /containers/{id}/stop", "/containers/nosuch/stop", 404),
  step("DELETE /containers/{id}", "/containers/talker?force=1&v=1", 204),
  step("POST /containers/prune", '/containers/prune?filters={"label":["nobody"]}', 200),
  step("POST /containers/prune", '/containers/prune?filters={"odd":["x"]}', 400),
];
