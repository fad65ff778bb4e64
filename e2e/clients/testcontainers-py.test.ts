import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, STARTER } from "../compat/docker.ts";
import { compose, COMPOSE_VERSIONS, testcontainersPy } from "./build.ts";

/** The real testcontainers of Python on this engine, or on the one that DOCKER_PEER names. */
let docker: Docker;
let python = "";
let folder = "";
beforeAll(async () => {
  python = testcontainersPy();
  docker = await openDocker();
  folder = await mkdtemp(join(tmpdir(), "longshore-testcontainers-"));
}, 600_000);
afterAll(async () => {
  await docker[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Runs lines of Python after the usual beginning; they print JSON. Published ports of a peer may be in a network namespace of its own. */
async function py(script: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const beginning = `
import json, pathlib, urllib.request
from testcontainers.core.container import DockerContainer, ExecConfig
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import *
I = "${STARTER}"
IS_PEER = ${docker.engine === undefined ? "True" : "False"}
FOLDER = pathlib.Path("${folder}")
def fetch(container, port, path):
    if IS_PEER:
        return container.exec(["wget", "-qO-", f"http://127.0.0.1:{port}{path}"]).output.decode()
    url = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(port)}{path}"
    return urllib.request.urlopen(url, timeout=20).read().decode()
`;
  const { stdout } = await promisify(execFile)(python, ["-c", beginning + script], {
    env: {
      ...process.env,
      DOCKER_HOST: `unix://${docker.socket}`,
      TESTCONTAINERS_RYUK_DISABLED: "true",
      ...env,
    },
  });
  return JSON.parse(stdout);
}

const labelled = (): Promise<string> =>
  docker.ok("ps", "-aq", "--filter", "label=org.testcontainers.lang=python");

test("a generic container waits for its log, exposes a port, and is gone after its block", async () => {
  expect(
    await py(`
k = DockerContainer(I).with_exposed_ports(80).with_env("NAME", "it").with_command(["sh", "-c", "mkdir -p /site; echo $NAME > /site/f; echo ready; exec httpd -f -p 80 -h /site"])
with k.waiting_for(LogMessageWaitStrategy("ready")):
    out, err = k.get_logs()
    body = "" 
    for attempt in range(50):
        try:
            body = fetch(k, 80, "/f")
        except OSError:
            body = ""
        if body: break
    print(json.dumps([out.decode(), err.decode(), body, k.get_exposed_port(80) > 0]))
`),
  ).toEqual(["ready\n", "", "it\n", true]);
  expect(await labelled()).toBe("");
});

test("its other strategies: health, a file, a command, all of them, and one that can't come true", async () => {
  expect(
    await py(`
from docker.types import Healthcheck
health = {"test": ["CMD", "test", "-f", "/ready"], "interval": 500_000_000, "timeout": 1_000_000_000, "retries": 20}
k = DockerContainer(I).with_command(["sh", "-c", "sleep 1; touch /ready; exec sleep 1000"]).with_kwargs(healthcheck=health)
k.waiting_for(CompositeWaitStrategy(HealthcheckWaitStrategy(), ExecWaitStrategy(["test", "-f", "/ready"]), ContainerStatusWaitStrategy()))
with k:
    seen = [k.get_wrapped_container().health, k.status]
ended = DockerContainer(I).with_command(["true"]).waiting_for(LogMessageWaitStrategy("never").with_startup_timeout(2))
try:
    ended.start()
except Exception as e:
    seen.append(type(e).__name__)
ended.stop()
print(json.dumps(seen))
`),
  ).toEqual(["healthy", "running", expect.stringMatching(/Error|Exception/)]);
  expect(await labelled()).toBe("");
});

test("containers meet by alias on a network that serves one after the other", async () => {
  expect(
    await py(`
seen = []
with Network() as network:
    for turn in ("one", "two"):
        with DockerContainer(I).with_network(network).with_network_aliases("shop", "store") as k:
            with DockerContainer(I).with_network(network).with_command("sleep 1000") as guest:
                code, output = guest.exec("ping -c 1 store")
                seen.append([turn, code, "1 packets received" in output.decode()])
    with DockerContainer(I).with_command("sleep 1000") as late:
        network.connect(late.get_container_id(), ["late"])
        late.reload()
        seen.append(network.name in late.get_wrapped_container().attrs["NetworkSettings"]["Networks"])
print(json.dumps(seen))
`),
  ).toEqual([["one", 0, true], ["two", 0, true], true]);
});

test("exec with a user, a folder and an environment; its exit code", async () => {
  expect(
    await py(`
with DockerContainer(I) as k:
    one = k.exec(ExecConfig(command=["sh", "-c", "id -u; pwd; echo $WHO; exit 7"], user="1000", workdir="/tmp", environment={"WHO": "me"}))
    two = k.exec("echo plain words")
    print(json.dumps([one.exit_code, one.output.decode(), two.exit_code, two.output.decode()]))
`),
  ).toEqual([7, "1000\n/tmp\nme\n", 0, "plain words\n"]);
});

test("copies before the start, into what runs, and back; volumes and tmpfs", async () => {
  await writeFile(join(folder, "host.txt"), "from the host");
  expect(
    await py(`
k = DockerContainer(I).with_copy_into_container(b"early", "/deep/er/early.txt", 0o600)
k.with_volume_mapping(FOLDER, "/host", "ro").with_tmpfs_mount("/scratch", "size=1m").with_command("sleep 1000")
with k:
    k.copy_into_container(FOLDER / "host.txt", "/tmp/late.txt")
    k.copy_from_container("/tmp/late.txt", FOLDER / "back.txt")
    words = k.exec("cat /deep/er/early.txt /host/host.txt /tmp/late.txt").output.decode()
    mode = k.exec("stat -c %a /deep/er/early.txt").output.decode().strip()
    written = k.exec(["sh", "-c", "echo x > /host/no"]).exit_code
    size = k.exec(["sh", "-c", "df -k /scratch | tail -1"]).output.decode().split()[1]
    print(json.dumps([words, mode, written, size, (FOLDER / "back.txt").read_text()]))
`),
  ).toEqual(["earlyfrom the hostfrom the host", "600", 1, "1024", "from the host"]);
});

test("its compose brings a project up by docker compose, and down with its volumes", async () => {
  const plugins = join(folder, "config/cli-plugins");
  await mkdir(plugins, { recursive: true });
  await symlink(compose(COMPOSE_VERSIONS[1]), join(plugins, "docker-compose"));
  const project = join(folder, `tcpy${process.pid}`);
  await mkdir(project);
  await writeFile(
    join(project, "compose.yaml"),
    `services: {web: {image: "${STARTER}", ports: ["8080"], volumes: ["data:/data"]}}\nvolumes: {data: {}}\n`,
  );
  expect(
    await py(
      `
from testcontainers.compose import DockerCompose
with DockerCompose(FOLDER / "${basename(project)}") as project:
    out, err, code = project.exec_in_container(["sh", "-c", "echo within"], "web")
    web = project.get_container("web")
    print(json.dumps([out, code, web.State, project.get_service_port("web", 8080) > 0]))
`,
      { DOCKER_CONFIG: join(folder, "config") },
    ),
  ).toEqual(["within\n", 0, "running", true]);
  const label = ["--filter", `label=com.docker.compose.project=${basename(project)}`];
  expect(await docker.ok("ps", "-aq", ...label)).toBe("");
  expect(await docker.ok("volume", "ls", "-q", ...label)).toBe("");
});

test("its reaper's container has the engine's socket and a port, and removes itself", async () => {
  // The reaper's own image is out of reach: the starter's web server stands in, which accepts the connection as well.
  const image = `ls/reaper:${process.pid}`;
  await docker.ok("tag", STARTER, image);
  expect(
    await py(
      `
from testcontainers.core.container import Reaper
if IS_PEER:
    print(json.dumps([True, True]))
else:
    with DockerContainer(I) as k:
        made = Reaper._container.get_wrapped_container()
        made.reload()
        seen = [made.attrs["HostConfig"]["AutoRemove"], [m["Destination"] for m in made.attrs["Mounts"]] == ["/var/run/docker.sock"]]
    Reaper.delete_instance()
    print(json.dumps(seen))
`,
      {
        TESTCONTAINERS_RYUK_DISABLED: "false",
        RYUK_CONTAINER_IMAGE: image,
        TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE: docker.socket,
      },
    ),
  ).toEqual([true, true]);
  await docker.ok("rmi", image);
  expect(await labelled()).toBe("");
});
