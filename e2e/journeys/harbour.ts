import { Readable } from "node:stream";
import { jsonLines, Transport } from "@longshore/client";
import type { ProgressLine } from "@longshore/protocol";
import { dockerArchive, type ImageRecipe, type TarEntry } from "@longshore/testkit";
import { image, type EngineUnderTest } from "./engine-under-test.ts";

const file = (name: string, sizeBytes: number): TarEntry => ({
  name,
  data: `${name}\n`.padEnd(sizeBytes, "~"),
});
const folder = (name: string): TarEntry => ({ name, type: "directory", mode: 0o755 });

const base: readonly TarEntry[] = [
  folder("etc"),
  file("etc/os-release", 180),
  file("etc/motd", 60),
  folder("usr"),
  folder("usr/lib"),
  ...["c", "m", "ssl", "crypto", "z"].map((name) => file(`usr/lib/lib${name}.so.3`, 240_000)),
  folder("tmp"),
];
const packages: readonly TarEntry[] = [
  folder("usr"),
  folder("usr/share"),
  ...Array.from({ length: 60 }, (_, at) =>
    file(`usr/share/package-${String(at).padStart(2, "0")}.json`, 9_000),
  ),
  file("etc/motd", 220),
  file("tmp/cache.bin", 400_000),
];
const site: readonly TarEntry[] = [
  folder("srv"),
  folder("srv/www"),
  file("srv/www/index.html", 2_400),
  file("srv/www/app.js", 48_000),
  file("srv/www/style.css", 6_100),
];
const cleaned: readonly TarEntry[] = [folder("tmp"), { name: "tmp/.wh.cache.bin", data: "" }];

const web: ImageRecipe = {
  reference: "harbour/web:2.4",
  layers: [base, packages, site, cleaned],
  config: { Cmd: ["httpd"], Env: ["PATH=/usr/bin:/bin"] },
  history: [
    { created_by: "/bin/sh -c #(nop) ADD file:4c3a in / " },
    { created_by: '/bin/sh -c #(nop)  CMD ["/bin/sh"]', empty_layer: true },
    { created_by: "RUN /bin/sh -c apk add --no-cache nginx curl ca-certificates # buildkit" },
    { created_by: "COPY site /srv/www # buildkit" },
    { created_by: "RUN /bin/sh -c rm -rf /tmp/cache.bin # buildkit" },
    { created_by: "EXPOSE map[80/tcp:{}]", empty_layer: true },
  ],
};
const api: ImageRecipe = {
  reference: "harbour/api:1.9.0",
  layers: [base, [folder("srv"), file("srv/server.js", 310_000)]],
  history: [
    { created_by: "/bin/sh -c #(nop) ADD file:4c3a in / " },
    { created_by: "COPY server.js /srv/ # buildkit" },
  ],
};

const idle = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2; done"];
const project = (name: string, service: string): object => ({
  "com.docker.compose.project": name,
  "com.docker.compose.service": service,
});

/** Loads images with a history worth looking at. */
export async function loadImages(engine: EngineUnderTest): Promise<void> {
  await loadArchive(engine, dockerArchive(web, api));
}

/** Sends an archive to the engine; throws what the engine says of it. */
export async function loadArchive(engine: EngineUnderTest, archive: Buffer): Promise<void> {
  const answer = await new Transport({ socketPath: engine.socketPath }).stream({
    method: "POST",
    path: "/images/load",
    stream: Readable.from([archive]),
    headers: { "Content-Type": "application/x-tar" },
  });
  for await (const line of jsonLines<ProgressLine>(answer))
    if (line.error !== undefined) throw new Error(line.error);
}

/** Two projects and loose containers in every state: what a busy day looks like. Returns ids by name. */
export async function busyHarbour(engine: EngineUnderTest): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  const run = async (
    name: string,
    command: readonly string[],
    labels: object,
    more: object = {},
  ): Promise<void> => {
    ids.set(
      name,
      await engine.run(name, command, { Labels: { "longshore.journey": "1", ...labels }, ...more }),
    );
  };
  const published = (port: string): object => ({
    ExposedPorts: { "80/tcp": {} },
    HostConfig: { PortBindings: { "80/tcp": [{ HostPort: port }] } },
  });
  await run("shop-web-1", [...idle], project("shop", "web"), published("18080"));
  await run(
    "shop-api-1",
    ["sh", "-c", "dd if=/dev/zero of=/etc/blob bs=1024 count=700 2>/dev/null; while :; do sleep 0.2; done"],
    project("shop", "api"),
  );
  await run(
    "shop-migrate-1",
    ["sh", "-c", "echo 'relation \"orders\" does not exist' >&2; exit 1"],
    project("shop", "migrate"),
  );
  await run("metrics-collector-1", [...idle], project("metrics", "collector"));
  await run("metrics-store-1", [...idle], project("metrics", "store"), {
    HostConfig: { NetworkMode: "none", Binds: ["metrics-data:/var/lib/metrics"] },
  });
  await run("postgres", [...idle], {}, published("15432"));
  await run("cache", [...idle], {});
  await run("nightly-backup", ["sh", "-c", "echo done"], {});
  await run("crawler", ["sh", "-c", "exit 137"], {});
  await run(
    "probe",
    [...idle],
    {},
    {
      Healthcheck: {
        Test: ["CMD-SHELL", "echo 'GET /health: 503'; exit 1"],
        Interval: 1_000_000_000,
        Retries: 1,
      },
    },
  );
  const cache = ids.get("cache") ?? "";
  await engine.docker.getContainer(cache).pause();
  const created = await engine.docker.createContainer({
    name: "worker-next",
    Image: image,
    Cmd: ["true"],
    Labels: { "longshore.journey": "1" },
  });
  ids.set("worker-next", created.id);
  return ids;
}
