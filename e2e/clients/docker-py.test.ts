import { execFile } from "node:child_process";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, STARTER } from "../compat/docker.ts";
import { dockerPy } from "./build.ts";

let docker: Docker;
let python = "";
beforeAll(async () => {
  python = dockerPy();
  docker = await openDocker();
}, 600_000);
afterAll(() => docker[Symbol.asyncDispose]());

/** Runs lines of Python after the usual beginning; they print JSON. */
async function py(script: string, env: Record<string, string> = {}): Promise<unknown> {
  const beginning = `import docker, json, io, tarfile\nc = docker.DockerClient(base_url="unix://${docker.socket}")\nI = "${STARTER}"\n`;
  const { stdout } = await promisify(execFile)(python, ["-c", beginning + script], {
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}

test("it negotiates a version and reads the engine", async () => {
  expect(await py(`print(json.dumps([c.ping(), c.info()["OSType"], c.version()["Os"]]))`)).toEqual([
    true,
    "linux",
    "linux",
  ]);
});

test("run answers output, and raises for a failure with its code", async () => {
  expect(
    await py(`
out = c.containers.run(I, ["echo", "hi"], remove=True).decode()
try:
    c.containers.run(I, "sh -c 'echo bad >&2; exit 4'", remove=True)
except docker.errors.ContainerError as e:
    print(json.dumps([out, e.exit_status, e.stderr.decode()]))
`),
  ).toEqual(["hi\n", 4, "bad\n"]);
});

test("a container from create to remove: logs, exec, archive, stats, top, changes", async () => {
  const name = docker.fresh("py");
  expect(
    await py(`
k = c.containers.run(I, "sh -c 'echo one; echo two; sleep 600'", name="${name}", detach=True, labels={"a": "b"}, mem_limit="32m")
code, both = k.exec_run("sh -c 'echo out; echo err >&2; exit 5'", demux=True)
buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as tar:
    info = tarfile.TarInfo("f"); info.size = 5
    tar.addfile(info, io.BytesIO(b"hello"))
k.put_archive("/tmp", buffer.getvalue())
stream, stat = k.get_archive("/tmp/f")
with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
    back = tar.extractfile("f").read().decode()
k.reload()
got = {
  "status": k.status, "code": code, "out": both[0].decode(), "err": both[1].decode(), "file": back, "size": stat["size"],
  "limit": k.stats(stream=False)["memory_stats"]["limit"], "top": k.top()["Processes"][0][-1][:5],
  "changed": [d["Path"] for d in k.diff()], "logs": k.logs(tail=1).decode(), "label": k.labels["a"],
}
k.stop(timeout=0)
got["wait"] = k.wait()["StatusCode"]
k.remove()
try:
    c.containers.get("${name}")
except docker.errors.NotFound:
    got["gone"] = True
print(json.dumps(got))
`),
  ).toEqual({
    status: "running",
    code: 5,
    out: "out\n",
    err: "err\n",
    file: "hello",
    size: 5,
    limit: 32 * 1024 * 1024,
    top: "sleep",
    changed: ["/tmp", "/tmp/f"],
    logs: "two\n",
    label: "b",
    wait: 137,
    gone: true,
  });
});

test("logs as a stream gives line by line, also where config.json has it go by the CLI's name", async () => {
  const name = docker.fresh("pylines");
  await docker.ok("run", "--name", name, STARTER, "seq", "1", "3");
  using config = mkdtempDisposableSync(join(tmpdir(), "longshore-py-"));
  // As the docker CLI before 20.10 left it after a login.
  const headers = { HttpHeaders: { "User-Agent": "Docker-Client/19.03.8 (linux)" } };
  writeFileSync(join(config.path, "config.json"), JSON.stringify(headers));
  const script = `
k = c.containers.get("${name}")
print(json.dumps([[line.decode() for line in k.logs(stream=True, follow=follow)] for follow in (False, True)]))
k.remove()
`;
  const lines = ["1\n", "2\n", "3\n"];
  expect(await py(script, { DOCKER_CONFIG: config.path })).toEqual([lines, lines]);
});

test("images, networks, volumes and events", async () => {
  const [network, volume] = [docker.fresh("pynet"), docker.fresh("pyvol")];
  expect(
    await py(`
image = c.images.get(I)
image.tag("ls/py", "1")
saved = sum(len(chunk) for chunk in image.save())
c.images.remove("ls/py:1")
n = c.networks.create("${network}", driver="bridge")
v = c.volumes.create("${volume}", labels={"x": "y"})
stream = c.events(decode=True, filters={"type": "container"})
out = c.containers.run(I, ["sh", "-c", "cat /etc/hostname > /v/f; wc -l < /v/f"], network="${network}", volumes={"${volume}": {"bind": "/v", "mode": "rw"}}, remove=True).decode().strip()
seen = []
for event in stream:
    seen.append(event["Action"])
    if event["Action"] == "destroy":
        break
stream.close()
n.remove(); v.remove()
print(json.dumps([saved > 1000, out, [one for one in seen if one in ("create", "start", "die", "destroy")]]))
`),
  ).toEqual([true, "1", ["create", "start", "die", "destroy"]]);
});
