import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { silentLogger as log } from "#kernel";
import { parseReference } from "#spec";
import { FAKE_IMAGE, openOnFakes, plainRequest } from "#testing/containers";
import { fakeNetworks } from "#testing/networks";
import { FAKE_IDENTITY, fakeSystem } from "#testing/system";
import { openApi } from "./index.ts";

type Ask = (method: string, path: string) => Promise<{ readonly status: number; readonly body: unknown }>;

/** The real HTTP face over rooms on fakes. */
async function withApi(
  work: (ask: Ask, ground: Awaited<ReturnType<typeof openOnFakes>>) => Promise<void>,
): Promise<void> {
  await using ground = await openOnFakes({ programs: { sleeper: () => new Promise(() => {}) } });
  await using networks = await fakeNetworks();
  const { room: containers, images, layers, volumes, events, clock } = ground;
  const rooms = {
    containers,
    images,
    layers,
    networks,
    volumes,
    events,
    system: fakeSystem(ground),
    clock,
    log,
  };
  const socketPath = join(ground.folder, "api.sock");
  await using _ = await openApi(rooms, [{ kind: "unix", path: socketPath }], log, FAKE_IDENTITY.version);
  const ask: Ask = async (method, path) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: unknown }>();
    const sent = request({ socketPath, method, path }, (response) => {
      const read = async (): Promise<void> => {
        const words = await text(response);
        const body: unknown = words === "" ? undefined : JSON.parse(words);
        resolve({ status: response.statusCode ?? 0, body });
      };
      read().catch(reject);
    });
    sent.on("error", reject).end();
    return await promise;
  };
  await work(ask, ground);
}

test("/info, /version and /system/df say what the rooms hold", async ({ signal }) => {
  await withApi(async (ask, { room, images, volumes }) => {
    await volumes.create({ name: "data" }, signal);
    const { id } = await room.create(plainRequest(["sleeper"], { Binds: ["data:/data"] }), signal);
    await room.start(id, signal);
    expect(await ask("GET", "/info")).toMatchObject({
      status: 200,
      body: { ID: FAKE_IDENTITY.id, Containers: 1, ContainersRunning: 1, Images: 1 },
    });
    expect(await ask("GET", "/version")).toMatchObject({ body: { Version: FAKE_IDENTITY.version } });
    const image = images.get(FAKE_IMAGE).id;
    expect(await ask("GET", "/system/df")).toMatchObject({
      status: 200,
      body: {
        LayersSize: 0,
        Images: [{ Id: image, SharedSize: 0, Containers: 1 }],
        Containers: [{ Id: id, ImageID: image, State: "running" }],
        Volumes: [{ Name: "data", UsageData: { Size: 0, RefCount: 1 } }],
      },
    });
    expect(await ask("GET", "/system/df?type=nothing")).toMatchObject({
      status: 400,
      body: { message: "unknown object type: nothing" },
    });
  });
});

test("an image's removal is refused, forced and told of in Docker's words", async ({ signal }) => {
  await withApi(async (ask, { room, images }) => {
    const { id } = await room.create(plainRequest(["sleeper"]), signal);
    const name = encodeURIComponent(FAKE_IMAGE);
    expect(await ask("DELETE", `/images/${name}`)).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining(`container ${id.slice(0, 12)} is using`) as string },
    });
    const image = images.get(FAKE_IMAGE).id;
    expect(await ask("DELETE", `/images/${name}?force=1`)).toEqual({
      status: 200,
      body: [{ Untagged: FAKE_IMAGE }, { Deleted: image }],
    });
    expect(await ask("GET", `/images/${name}/json`)).toEqual({
      status: 404,
      body: { message: `No such image: ${FAKE_IMAGE}` },
    });
    expect(await ask("POST", "/images/prune")).toMatchObject({ status: 200, body: { SpaceReclaimed: 0 } });
  });
});

test("an image is looked up by platform as containerd compares them, and removed by one at most", async () => {
  await withApi(async (ask, { images }) => {
    const { architecture } = images.get(FAKE_IMAGE).config;
    const place = `/v1.51/images/${FAKE_IMAGE}`;
    const by = (os: string, name: string): string =>
      encodeURIComponent(JSON.stringify({ os, architecture: name }));
    const old = { amd64: "x86_64", arm64: "aarch64" }[architecture] ?? architecture;
    expect(await ask("GET", `${place}/json?platform=${by("linux", old)}`)).toMatchObject({ status: 200 });
    expect(await ask("GET", `${place}/history?platform=${by("linux", "s390x")}`)).toMatchObject({
      status: 404,
    });
    const both = `platforms=${by("linux", architecture)}&platforms=${by("linux", "s390x")}`;
    expect(await ask("DELETE", `${place}?${both}`)).toMatchObject({
      status: 400,
      body: { message: "multiple platforms are not supported" },
    });
    expect(await ask("DELETE", `${place}?platforms=${by("linux", "s390x")}`)).toMatchObject({ status: 404 });
    expect(await ask("DELETE", `${place}?platforms=${by("linux", old)}`)).toMatchObject({ status: 200 });
  });
});

test("the list of images is filtered as dockerd filters it", async ({ signal }) => {
  await withApi(async (ask, { images }) => {
    const base = images.get(FAKE_IMAGE);
    const make = async (
      created: string | undefined,
      name: string | undefined,
      parent = base.id,
    ): Promise<string> => {
      const { created: _created, ...config } = base.config;
      const reference = name === undefined ? {} : { reference: parseReference(name) };
      const made = { ...config, comment: `${name}`, ...(created !== undefined && { created }) };
      return await images.commit(parent, undefined, made, reference, signal);
    };
    const first = await make("2024-01-01T00:00:00Z", "c/a:1");
    const second = await make("2024-02-01T00:00:00Z", "c/b:1.5");
    const third = await make("2024-03-01T00:00:00Z", undefined);
    const child = await make(undefined, "localhost:5000/c/d:2", third as typeof base.id);
    const list = async (filters: object, more = ""): Promise<readonly string[]> => {
      const { body } = await ask(
        "GET",
        `/images/json?filters=${encodeURIComponent(JSON.stringify(filters))}${more}`,
      );
      return (body as readonly { Id: string }[]).map(({ Id }) => Id).toSorted();
    };
    const sorted = (...ids: readonly string[]): readonly string[] => ids.toSorted();
    expect(await list({ reference: ["c/*"] })).toEqual(sorted(first, second));
    expect(await list({ reference: ["c/[^a]"] })).toEqual([second]);
    expect(await list({ reference: ["c/?:1.[0-9]", "localhost:*/c/d"] })).toEqual(sorted(second, child));
    expect(await list({ reference: ["*"] }, "&all=1")).toEqual(
      [base.id].filter(() => !FAKE_IMAGE.includes("/")),
    );
    expect(await list({ before: ["c/b:1.5", third] })).toEqual([first]);
    expect(await list({ since: ["c/a:1", "c/b:1.5"] }, "&all=1")).toEqual(expect.arrayContaining([third]));
    expect(await list({ since: ["c/a:1", "c/b:1.5"] }, "&all=1")).not.toContain(second);
    expect(await list({ until: ["2030-01-01T00:00:00Z"] })).not.toContain(child);
    expect(await list({ dangling: ["true"] }, "&all=1")).toEqual([]);
    expect(await list({ label: ["constructor"] })).toEqual([]);
    expect(
      await ask("GET", `/images/json?filters=${encodeURIComponent('{"reference":["["]}')}`),
    ).toMatchObject({
      status: 400,
      body: { message: "syntax error in pattern" },
    });
  });
});

test("what is no name is told as such, and a name is put together as dockerd does it", async () => {
  await withApi(async (ask, { images }) => {
    const tag = (query: string): ReturnType<Ask> => ask("POST", `/images/${FAKE_IMAGE}/tag?${query}`);
    for (const [query, message] of [
      ["repo=sha256&tag=x", "refusing to create an ambiguous tag using digest algorithm as name"],
      ["repo=c/q&tag=..", "invalid tag format"],
      [`repo=c/q&tag=${"x".repeat(129)}`, "invalid tag format"],
      [`repo=c/q@sha256:${"0".repeat(64)}`, "refusing to create a tag with a digest reference"],
      ["repo=", "invalid reference format"],
    ] as const)
      expect(await tag(query), query).toMatchObject({ status: 400, body: { message } });
    expect(await tag("repo=c/q:a&tag=b")).toMatchObject({ status: 201 });
    expect(images.list().flatMap(({ repoTags }) => repoTags)).toContain("c/q:b");
    for (const place of ["json", "history", "get"])
      expect(await ask("GET", `/images/a:b:c/${place}`)).toMatchObject({
        status: 400,
        body: { message: "invalid reference format" },
      });
    expect(await ask("GET", "/images/c/none/json")).toMatchObject({ status: 404 });
    expect(await ask("POST", `/images/c/q@sha256:${"0".repeat(64)}/push`)).toMatchObject({
      status: 400,
      body: { message: "cannot push a digest reference" },
    });
    const create = (query: string): ReturnType<Ask> => ask("POST", `/images/create?fromSrc=-&${query}`);
    expect(await create(`repo=c/q@sha256:${"0".repeat(64)}`)).toMatchObject({ status: 400 });
    expect(await create("platform=windows/amd64")).toMatchObject({
      status: 400,
      body: { message: "operating system is not supported: windows/amd64" },
    });
  });
});
