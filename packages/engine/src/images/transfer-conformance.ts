import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type Digest, digestOf, parseReference } from "#spec";
import {
  forced,
  here,
  layer,
  load,
  never,
  quiet,
  recipe,
  rest,
  told,
  type ImagesUnderTest,
} from "./ground-conformance.ts";
import type { Images, Progress } from "./contract.ts";

/** Pushes; the digest and size of the manifest, as the last line tells. */
async function push(
  images: Images,
  name: string,
  onProgress: (line: Progress) => void = quiet,
): Promise<{ readonly Digest: Digest; readonly Size: number }> {
  let last: unknown;
  const say = (line: Progress): void => {
    last = line.aux;
    onProgress(line);
  };
  await images.push(name, {}, say, never);
  expect(last).toMatchObject({ Digest: expect.stringMatching(/^sha256:/) as string });
  return last as { readonly Digest: Digest; readonly Size: number };
}

/** What every Images does with a registry. `make` gives an empty room. */
export function transferConformance(what: string, make: () => Promise<ImagesUnderTest>): void {
  describe(`${what} is Images that come and go`, () => {
    test("push() and pull() bring an image there and back, by tag, by digest and all tags", async () => {
      await using under = await make();
      const { images, host } = under;
      const name = `${host}/c/round:1`;
      await load(images, recipe(name, layer("a"), layer("b", randomBytes(300_000))));
      const { id } = images.get(name);
      const pushed: Progress[] = [];
      const { Digest: digest } = await push(images, name, (line) => pushed.push(line));
      expect(pushed[0]?.status).toBe(`The push refers to repository [${host}/c/round]`);
      expect(pushed.filter(({ status }) => status === "Pushed").length).toBe(2);
      expect(images.get(name).repoDigests).toEqual([`${host}/c/round@${digest}`]);
      const again: Progress[] = [];
      expect((await push(images, name, (line) => again.push(line))).Digest).toBe(digest);
      expect(again.filter(({ status }) => status === "Layer already exists").length).toBe(2);
      await images.remove(id, forced);
      expect(await rest(under)).toEqual([]);
      const lines: Progress[] = [];
      await images.pull(parseReference(name), {}, (line) => lines.push(line), never);
      expect(images.get(name).id).toBe(id);
      expect(lines[0]).toMatchObject({ status: "Pulling from c/round".replace("c/", `${host}/c/`), id: "1" });
      expect(lines.filter(({ status }) => status === "Pull complete").length).toBe(2);
      expect(lines.slice(-2).map(({ status }) => status)).toEqual([
        `Digest: ${digest}`,
        `Status: Downloaded newer image for ${name}`,
      ]);
      await images.pull(parseReference(name), {}, (line) => lines.push(line), never);
      expect(lines.at(-1)?.status).toBe(`Status: Image is up to date for ${name}`);
      const short = name.replace(/:1$/, "");
      expect(told(under)).toEqual(expect.arrayContaining([`push ${short}`, `pull ${short}`]));
      expect(under.events.actions(name)).toEqual(["push", "push", "pull", "pull"]);
      await images.remove(id, forced);
      await images.pull(parseReference(`${host}/c/round@${digest}`), {}, quiet, never);
      expect(images.get(id)).toMatchObject({ repoTags: [], repoDigests: [`${host}/c/round@${digest}`] });
      await images.pull(parseReference(`${host}/c/round`), { isAllTags: true }, quiet, never);
      expect(images.get(id).repoTags).toEqual([name]);
      const { descriptor, platforms } = await images.distribution(parseReference(name), undefined, never);
      expect([descriptor.digest, platforms]).toEqual([digest, [{ os: "linux", architecture: here }]]);
    });

    test("pull() from an index takes the platform asked for, and no other", async () => {
      await using under = await make();
      const { images, host } = under;
      const architectures = [here, "s390x"];
      const manifests = [];
      for (const architecture of architectures) {
        const name = `${host}/c/index:${architecture}`;
        await load(images, { ...recipe(name, layer(architecture)), architecture });
        const { Digest: digest, Size: size } = await push(images, name);
        const mediaType = "application/vnd.docker.distribution.manifest.v2+json";
        manifests.push({ mediaType, digest, size, platform: { os: "linux", architecture } });
      }
      const ids = architectures.map((architecture) => images.get(`${host}/c/index:${architecture}`).id);
      for (const id of ids) await images.remove(id, forced);
      const reference = parseReference(`${host}/c/index:all`);
      const mediaType = "application/vnd.oci.image.index.v1+json";
      const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
      await under.registry
        .repository(reference, undefined, "push")
        .pushManifest("all", index, mediaType, never);
      await images.pull(reference, {}, quiet, never);
      expect(images.get(`${host}/c/index:all`).id).toBe(ids[0]);
      await images.pull(reference, { platform: { os: "linux", architecture: "s390x" } }, quiet, never);
      expect(images.get(`${host}/c/index:all`).id).toBe(ids[1]);
      await expect(
        images.pull(reference, { platform: { os: "linux", architecture: "mips64" } }, quiet, never),
      ).rejects.toMatchObject({
        kind: "not_found",
        message: "no matching manifest for linux/mips64 in the manifest list entries",
      });
      const { platforms } = await images.distribution(reference, undefined, never);
      expect(platforms).toEqual(manifests.map(({ platform }) => platform));
    });

    test("push() and pull() say what is not there, and leave nothing", async () => {
      await using under = await make();
      const { images, host } = under;
      for (const name of [`${host}/c/none:1`, `${host}/c/none@${digestOf("none")}`])
        await expect(images.pull(parseReference(name), {}, quiet, never)).rejects.toMatchObject({
          kind: "not_found",
        });
      await expect(images.push(`${host}/c/none`, {}, quiet, never)).rejects.toMatchObject({
        kind: "not_found",
        message: `An image does not exist locally with the tag: ${host}/c/none`,
      });
      await expect(images.push(`${host}/c/none`, { tag: "1" }, quiet, never)).rejects.toMatchObject({
        message: `tag does not exist: ${host}/c/none:1`,
      });
      expect(await rest(under)).toEqual([]);
    });

    test("pull() of one layer by two at once gives both the whole, and one that was given up before has its own reason", async () => {
      await using under = await make();
      const { images, host } = under;
      const shared = layer("shared", randomBytes(1_000_000));
      for (const tag of ["1", "2"]) await load(images, recipe(`${host}/c/shared:${tag}`, shared, layer(tag)));
      const ids = ["1", "2"].map((tag) => images.get(`${host}/c/shared:${tag}`).id);
      await images.push(`${host}/c/shared`, { isAllTags: true }, quiet, never);
      for (const id of ids) await images.remove(id, forced);
      await Promise.all(
        ["1", "2"].map((tag) => images.pull(parseReference(`${host}/c/shared:${tag}`), {}, quiet, never)),
      );
      expect(["1", "2"].map((tag) => images.get(`${host}/c/shared:${tag}`).id)).toEqual(ids);
      const reason = new Error("client went away");
      await expect(
        images.pull(parseReference(`${host}/c/shared:1`), {}, quiet, AbortSignal.abort(reason)),
      ).rejects.toBe(reason);
    });

    test("login() and search() are the registry's", async () => {
      await using under = await make();
      const serveraddress = under.host;
      await expect(under.images.login({ serveraddress }, never)).resolves.toMatchObject({
        status: "Login Succeeded",
      });
      await expect(under.images.search(`${under.host}/x`, 101, undefined, never)).rejects.toMatchObject({
        kind: "invalid",
      });
    });
  });
}
