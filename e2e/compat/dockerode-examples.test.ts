import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { Docker as Own } from "@longshore/client";
import Dockerode from "dockerode";
import { dockerArchive, type Registry, startRegistry, tarOf } from "@longshore/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Docker as Cli, openDocker, STARTER, until } from "./docker.ts";

/** What dockerode's documentation shows, of dockerode and of our client, with the same assertions. */
let cli: Cli;
let registry: Registry;
beforeAll(async () => {
  cli = await openDocker();
  registry = await startRegistry();
  const reference = `${registry.host}/ls/shown:1`;
  await cli.withInput(dockerArchive({ reference, layers: [[{ name: "f", data: "x" }]] }), "load");
  await cli.ok("push", reference);
  await cli.ok("rmi", reference);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await cli[Symbol.asyncDispose]();
});

const libraries: readonly (readonly [string, () => Dockerode])[] = [
  ["dockerode", () => new Dockerode({ socketPath: cli.socket })],
  ["our client", () => new Own({ socketPath: cli.socket }) as unknown as Dockerode],
];

describe.each(libraries)("%s", (_, open) => {
  test("a container by callbacks: create, start, inspect, resize, stop, remove", async () => {
    const docker = open();
    const name = cli.fresh("callback");
    const seen = await new Promise<string[]>((done, fail) => {
      docker.createContainer({ Image: STARTER, Tty: true, name }, (error, container) => {
        if (error !== null || container === undefined) return fail(error as Error);
        container.start((notStarted) => {
          if (notStarted !== null) return fail(notStarted as Error);
          docker.getContainer(name).inspect((_error, data) => {
            container.resize({ h: 30, w: 100 }, () => {
              container.stop({ t: 0 }, () => {
                container.remove((notRemoved) => done([data?.State.Status ?? "", String(notRemoved)]));
              });
            });
          });
        });
      });
    });
    expect(seen).toEqual(["running", "null"]);
    const gone = await new Promise((done) => docker.getContainer(name).inspect((error) => done(error)));
    expect(gone).toMatchObject({ statusCode: 404, json: { message: `No such container: ${name}` } });
  });

  test("run answers by promise, with one stream or two, and by callback with events", async () => {
    const docker = open();
    const [out, err] = [new PassThrough(), new PassThrough()];
    const told = [text(out), text(err)];
    const [data, container] = (await docker.run(
      STARTER,
      ["sh", "-c", "echo o; echo e >&2; exit 3"],
      [out, err] as never,
      { Tty: false },
    )) as [{ StatusCode: number }, Dockerode.Container];
    expect(data.StatusCode).toBe(3);
    expect(await Promise.all(told)).toEqual(["o\n", "e\n"]);
    await container.remove();

    const [terminal, events] = [new PassThrough(), [] as string[]];
    const shown = text(terminal);
    const code = await new Promise((done, fail) => {
      const hub = docker.run(
        STARTER,
        ["uname", "-s"],
        terminal,
        {},
        {},
        (error: Error | null, result?: { StatusCode: number }, ran?: Dockerode.Container) => {
          if (error !== null) return fail(error);
          void ran?.remove().then(() => done(result?.StatusCode), fail);
        },
      );
      for (const event of ["container", "stream", "start", "data"])
        void hub.on(event, () => events.push(event));
    });
    expect([code, await shown, events]).toEqual([0, "Linux\r\n", ["container", "stream", "start", "data"]]);
    const missing = await docker.run("ls/none:1", ["true"], new PassThrough()).catch((e: unknown) => e);
    expect(missing).toMatchObject({ statusCode: 404 });
  });

  test("default options hold for later calls", async () => {
    const docker = open();
    const container = await docker.createContainer({ Image: STARTER, Cmd: ["sleep", "1000"] });
    Object.assign((container as unknown as { defaultOptions: { remove: object } }).defaultOptions.remove, {
      force: true,
    });
    await container.start();
    await container.remove();
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  test("attach: what is typed reaches the container, its output comes demuxed, with a terminal as it is", async () => {
    const docker = open();
    const plain = await docker.createContainer({
      Image: STARTER,
      Cmd: ["sh", "-c", "cat; echo done >&2"],
      OpenStdin: true,
      StdinOnce: true,
    });
    const stream = await plain.attach({
      stream: true,
      stdin: true,
      stdout: true,
      stderr: true,
      hijack: true,
    });
    const [out, err] = [new PassThrough(), new PassThrough()];
    plain.modem.demuxStream(stream, out, err);
    stream.once("end", () => [out, err].forEach((one) => one.end()));
    await plain.start();
    stream.end("typed");
    expect([await text(out), await text(err)]).toEqual(["typed", "done\n"]);
    await plain.remove();
    const terminal = await docker.createContainer({ Image: STARTER, Tty: true, Cmd: ["echo", "shown"] });
    const shown = await terminal.attach({ stream: true, stdout: true, stderr: true });
    await terminal.start();
    expect(await text(shown as unknown as Readable)).toBe("shown\r\n");
    await terminal.remove();
  });

  test("the rest of a container: top, pause, rename, update, changes, export, commit, kill", async () => {
    const docker = open();
    const [name, image] = [cli.fresh("renamed"), `ls/committed:${process.pid}`];
    const container = await docker.createContainer({
      Image: STARTER,
      Cmd: ["sh", "-c", "echo x > /changed; exec sleep 1000"],
    });
    await container.start();
    await until("sleep", async () =>
      (await container.top({ ps_args: "-o pid,args" })).Processes.some(
        (line: string[]) => line[1] === "sleep 1000",
      ),
    );
    await container.pause();
    expect((await container.inspect()).State.Paused).toBe(true);
    await container.unpause();
    await container.rename({ name });
    await container.update({ Memory: 96 << 20, MemorySwap: 192 << 20 });
    const told = await docker.getContainer(name).inspect();
    expect([told.Id, told.HostConfig.Memory]).toEqual([container.id, 96 << 20]);
    expect(await container.changes()).toContainEqual({ Path: "/changed", Kind: 1 });
    const files = execFileSync("tar", ["-tf", "-"], {
      input: await buffer((await container.export()) as Readable),
      encoding: "utf8",
      maxBuffer: 1 << 24,
    });
    expect(files).toMatch(/^changed$/m);
    const [repo, tag] = image.split(":");
    await container.commit({ repo, tag, comment: "kept", Cmd: ["true"] });
    const committed = await docker.getImage(image).inspect();
    expect([committed.Comment, committed.Config.Cmd]).toEqual(["kept", ["true"]]);
    await docker.getImage(image).remove();
    await container.kill({ signal: "SIGKILL" });
    expect(await container.wait()).toMatchObject({ StatusCode: 137 });
    await expect(container.kill()).rejects.toMatchObject({ statusCode: 409 });
    await container.remove({ v: true });
  });

  test("exec hijacked: input half-closes and the output comes back", async () => {
    const docker = open();
    const container = await docker.createContainer({ Image: STARTER });
    await container.start();
    const exec = await container.exec({
      Cmd: ["sh", "-c", "wc -c; echo told >&2"],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = await exec.start({ hijack: true, stdin: true });
    const [out, err] = [new PassThrough(), new PassThrough()];
    docker.modem.demuxStream(stream, out, err);
    stream.once("end", () => [out, err].forEach((one) => one.end()));
    stream.end("x".repeat(70_000));
    expect([(await text(out)).trim(), await text(err)]).toEqual(["70000", "told\n"]);
    expect(await docker.getExec(exec.id).inspect()).toMatchObject({ ExitCode: 0, Running: false });
    await container.remove({ force: true });
  });

  test("logs come whole as bytes and followed as a stream, both demuxed", async () => {
    const docker = open();
    const container = await docker.createContainer({
      Image: STARTER,
      Cmd: ["sh", "-c", "echo o; echo e >&2"],
    });
    await container.start();
    await container.wait();
    const whole = await container.logs({ stdout: true, stderr: true });
    expect(Buffer.isBuffer(whole)).toBe(true);
    const stream = (await container.logs({ stdout: true, stderr: true, follow: true })) as Readable;
    const [out, err] = [new PassThrough(), new PassThrough()];
    container.modem.demuxStream(stream, out, err);
    stream.once("end", () => [out, err].forEach((one) => one.end()));
    expect([await text(out), await text(err)]).toEqual(["o\n", "e\n"]);
    expect(whole).toHaveLength(2 * (8 + 2));
    await container.remove();
  });

  test("pull follows its progress to the end; an unknown name is refused", async () => {
    const docker = open();
    const reference = `${registry.host}/ls/shown:1`;
    const steps: string[] = [];
    const lines = await new Promise<readonly { status?: string }[]>((done, fail) => {
      void docker.pull(reference, (error: Error | null, stream: NodeJS.ReadableStream) => {
        if (error !== null) return fail(error);
        docker.modem.followProgress(
          stream,
          (failed, all) => (failed === null ? done(all) : fail(failed)),
          (line: { status: string }) => steps.push(line.status),
        );
      });
    });
    expect(lines.at(-1)?.status).toBe(`Status: Downloaded newer image for ${reference}`);
    expect(steps).toHaveLength(lines.length);
    const image = docker.getImage(reference);
    await image.tag({ repo: "ls/shown", tag: "2" });
    expect((await image.history()) as readonly object[]).toHaveLength(1);
    expect((await buffer((await image.get()) as Readable)).length).toBeGreaterThan(512);
    await image.remove();
    await docker.getImage("ls/shown:2").remove();
    const auth = { username: "u", password: "p", serveraddress: registry.host };
    await expect(docker.pull(`${registry.host}/ls/none:1`, { authconfig: auth })).rejects.toMatchObject({
      statusCode: 404,
    });
  });

  test("loadImage and importImage take a tar as a file, bytes or a stream", async () => {
    const docker = open();
    const folder = await mkdtemp(join(tmpdir(), "longshore-load-"));
    try {
      const tar = dockerArchive({ reference: "ls/loaded:1", layers: [[{ name: "f", data: "x" }]] });
      await writeFile(join(folder, "image.tar"), tar);
      for (const file of [join(folder, "image.tar"), Buffer.from(tar)])
        expect(await text((await docker.loadImage(file as string)) as unknown as Readable)).toContain(
          "Loaded image: ls/loaded:1",
        );
      await docker.getImage("ls/loaded:1").remove();
      const rootfs = new PassThrough().end(tarOf([{ name: "f", data: "x" }]));
      const said = await text(
        (await docker.importImage(rootfs, { repo: "ls/imported", tag: "1" })) as Readable,
      );
      expect(said).toMatch(/"status":"sha256:[0-9a-f]{64}"/);
      await docker.getImage("ls/imported:1").remove();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test.runIf(process.env["DOCKER_PEER"] === undefined)("a build is refused in words", async () => {
    const docker = open();
    const folder = await mkdtemp(join(tmpdir(), "longshore-build-"));
    try {
      await writeFile(join(folder, "Dockerfile"), "FROM scratch\n");
      await expect(
        docker.buildImage({ context: folder, src: ["Dockerfile"] }, { t: "ls/built:1" }),
      ).rejects.toMatchObject({ statusCode: 501, message: expect.stringMatching(/build/i) as string });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("putArchive, infoArchive and getArchive carry files", async () => {
    const docker = open();
    const container = await docker.createContainer({ Image: STARTER });
    await container.putArchive(Buffer.from(tarOf([{ name: "put.txt", data: "carried" }])), { path: "/tmp" });
    const info = await container.infoArchive({ path: "/tmp/put.txt" });
    const header = (info as { headers: Record<string, string> }).headers["x-docker-container-path-stat"];
    expect(JSON.parse(Buffer.from(header ?? "", "base64").toString())).toMatchObject({
      name: "put.txt",
      size: 7,
    });
    const back = await buffer((await container.getArchive({ path: "/tmp/put.txt" })) as Readable);
    expect(execFileSync("tar", ["-xOf", "-"], { input: back, encoding: "utf8" })).toBe("carried");
    await container.remove();
  });

  test("events stream with filters as an object or as JSON, until the caller aborts", async () => {
    const docker = open();
    const container = await docker.createContainer({ Image: STARTER, Cmd: ["true"] });
    for (const filters of [{ container: [container.id] }, JSON.stringify({ container: [container.id] })]) {
      const stop = new AbortController();
      const stream = (await docker.getEvents({
        filters: filters as string,
        abortSignal: stop.signal,
      })) as Readable;
      let said = "";
      stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
      const ended = new Promise((done) => stream.once("error", done));
      await container.start();
      await container.wait();
      await until("die", async () => said.includes('"Action":"die"'));
      stop.abort();
      expect(await ended).toBeInstanceOf(Error);
      expect(said).toContain('"Action":"start"');
    }
    await container.remove();
  });

  test("stats stream, and come once when that is asked", async () => {
    const docker = open();
    const container = await docker.createContainer({ Image: STARTER, HostConfig: { Memory: 64 << 20 } });
    await container.start();
    const once = await container.stats({ stream: false });
    expect(once.memory_stats.limit).toBe(64 << 20);
    const stream = (await container.stats()) as unknown as Readable;
    const [first] = (await new Promise<Buffer[]>((done) =>
      stream.once("data", (chunk: Buffer) => done([chunk])),
    )) as [Buffer];
    stream.destroy();
    expect(JSON.parse(first.toString().split("\n")[0] ?? "")).toHaveProperty("cpu_stats.cpu_usage");
    await container.remove({ force: true });
  });

  test("lists, volumes, networks, prunes and the engine itself", async () => {
    const docker = open();
    const [volume, network] = [cli.fresh("shown-vol"), cli.fresh("shown-net")];
    await docker.createVolume({ Name: volume, Labels: { a: "b" } });
    const made = await docker.createNetwork({ Name: network });
    expect(await docker.getVolume(volume).inspect()).toMatchObject({ Labels: { a: "b" } });
    expect((await docker.listVolumes({ filters: { name: [volume] } })).Volumes).toHaveLength(1);
    const container = await docker.createContainer({ Image: STARTER });
    await container.start();
    await made.connect({ Container: container.id });
    expect(Object.keys((await docker.getNetwork(network).inspect()).Containers ?? {})).toEqual([
      container.id,
    ]);
    await made.disconnect({ Container: container.id, Force: true });
    await container.remove({ force: true });
    await made.remove();
    await docker.getVolume(volume).remove();
    expect(await docker.listNetworks({ filters: { name: [network] } })).toEqual([]);
    const kept = { filters: { label: ["ls-none"] } };
    expect(await docker.pruneContainers(kept)).toMatchObject({ SpaceReclaimed: 0 });
    expect(String(await docker.ping())).toBe("OK");
    expect((await docker.version()).Os).toBe("linux");
    expect((await docker.info()).OSType).toBe("linux");
    expect(await docker.df()).toHaveProperty("LayersSize");
  });

  test("what needs a swarm is refused with Docker's status", async () => {
    const docker = open();
    for (const ask of [
      () => docker.listServices(),
      () => docker.listNodes(),
      () => docker.swarmInspect(),
      () => docker.getTask("x").inspect(),
    ])
      await expect(ask()).rejects.toMatchObject({ statusCode: 503 });
    expect(await docker.listPlugins()).toEqual([]);
  });
});
