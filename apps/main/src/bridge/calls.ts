import { clipboard, nativeTheme } from "electron";
import { Readable } from "node:stream";
import type { Docker } from "@longshore/client";
import type { CreateContainerRequest, FileContent } from "@longshore/protocol";
import type { Supervisor } from "../engines/supervisor.ts";
import { containerFile, containerFolder, firstFile, readContent } from "../files/container-files.ts";
import { uploadFiles } from "../files/upload.ts";
import { saveStream } from "../files/save.ts";
import { parseSettings, type SettingsFile } from "../settings.ts";
import { act } from "./act.ts";
import { chooseArchive } from "./archive-choice.ts";
import { openLink } from "./links.ts";
import { removeContainer, removeImage, removeVolume } from "./remove.ts";
import { document, flag, listOf, mapOf, oneOf, orNull, record, text } from "./schema.ts";
import { detectShell } from "./shell.ts";
import type { CallTable } from "./wrapper.ts";

export interface BridgeDeps {
  readonly supervisor: Supervisor;
  readonly settings: SettingsFile;
  readonly isTrayThere: boolean;
  readonly appVersion: string;
  readonly signal: AbortSignal;
}

const none = record<Readonly<Record<string, never>>>({});
const id = text(512, 1);
const path = text(4096, 1);
const byId = record({ id });
const byPath = record({ id, path });
const byChain = record({ chainId: id, path });

const CREATE_FIELDS = new Set(
  (
    "Hostname User Tty OpenStdin AttachStdin AttachStdout AttachStderr StdinOnce Env Cmd Entrypoint Image WorkingDir " +
    "Labels ExposedPorts Volumes StopSignal HostConfig NetworkingConfig"
  ).split(" "),
);

/** Every call of the bridge: how its arguments are checked, and what it does through the engine's API. */
export function callTable({ supervisor, settings, isTrayThere, appVersion, signal }: BridgeDeps): CallTable {
  const { docker } = supervisor;
  const abort = { abortSignal: signal };
  const done = async (work: Promise<unknown>): Promise<null> => {
    await work;
    return null;
  };
  return {
    "engine.state": { parse: none, run: () => Promise.resolve(supervisor.state) },
    "engine.retry": {
      parse: none,
      run: () => {
        supervisor.retry();
        return Promise.resolve(null);
      },
    },
    "engine.info": {
      parse: none,
      run: async () => {
        const [info, version] = await Promise.all([docker.info(abort), docker.version(abort)]);
        return { info, version };
      },
    },
    "containers.list": {
      parse: record({ withSizes: flag, ids: listOf(id, 100) }),
      run: ({ withSizes, ids }) =>
        docker.listContainers({
          all: true,
          ...(withSizes ? { size: true } : {}),
          ...(ids.length > 0 ? { filters: { id: ids } } : {}),
          ...abort,
        }),
    },
    "containers.inspect": { parse: byId, run: (a) => docker.getContainer(a.id).inspect(abort) },
    "containers.create": {
      parse: record({
        name: text(256),
        request: document<CreateContainerRequest>(CREATE_FIELDS, 1024 * 1024),
        start: flag,
      }),
      run: async ({ name, request, start }) => {
        const container = await docker.createContainer({ ...request, name, ...abort });
        if (start) await container.start(abort);
        return { Id: container.id, Warnings: [] };
      },
    },
    "containers.act": {
      parse: record({ id, action: oneOf("start", "stop", "restart", "pause", "unpause", "kill") }),
      run: (a) => done(act(docker, a.id, a.action, signal)),
    },
    "containers.rename": {
      parse: record({ id, name: text(256, 1) }),
      run: (a) => done(docker.getContainer(a.id).rename({ name: a.name, ...abort })),
    },
    "containers.remove": {
      parse: record({ id, force: flag, volumes: flag, forGood: flag }),
      run: (a) => removeContainer(docker, a, signal),
    },
    "containers.changes": {
      parse: byId,
      run: async (a) => (await docker.getContainer(a.id).changes(abort)) ?? [],
    },
    "containers.top": { parse: byId, run: (a) => docker.getContainer(a.id).top(abort) },
    "containers.files": {
      parse: byPath,
      run: (a) => containerFolder(docker, a.id, a.path, supervisor.state.isLongshore, signal),
    },
    "containers.file": { parse: byPath, run: (a) => containerFile(docker, a.id, a.path, signal) },
    "containers.saveFile": {
      parse: byPath,
      run: (a) =>
        saveStream(a.path, async () => (await firstFile(docker, a.id, a.path, signal)).content, signal),
    },
    "containers.saveFolder": {
      parse: byPath,
      run: (a) =>
        saveStream(
          `${a.path.split("/").at(-1) || "root"}.tar`,
          () => docker.getContainer(a.id).getArchive({ path: a.path, abortSignal: signal }),
          signal,
        ),
    },
    "containers.upload": { parse: byPath, run: (a) => uploadFiles(docker, a.id, a.path, signal) },
    "containers.detectShell": { parse: byId, run: (a) => detectShell(docker, a.id, signal) },
    "exec.inspect": { parse: byId, run: (a) => docker.getExec(a.id).inspect(abort) },
    "images.list": { parse: none, run: () => docker.listImages(abort) },
    "images.inspect": { parse: byId, run: (a) => docker.getImage(a.id).inspect(abort) },
    "images.history": { parse: byId, run: (a) => docker.getImage(a.id).history(abort) },
    "images.layers": { parse: byId, run: (a) => docker.longshore.imageLayers(a.id, abort) },
    "images.files": { parse: byPath, run: (a) => docker.longshore.imageFiles(a.id, a.path, abort) },
    "images.tag": {
      parse: record({ id, reference: text(512, 1) }),
      run: (a) => {
        const colon = a.reference.lastIndexOf(":");
        const hasTag = colon > a.reference.lastIndexOf("/");
        const repo = hasTag ? a.reference.slice(0, colon) : a.reference;
        const tag = hasTag ? a.reference.slice(colon + 1) : "latest";
        return done(docker.getImage(a.id).tag({ repo, tag, ...abort }));
      },
    },
    "images.remove": {
      parse: record({ id, force: flag, forGood: flag }),
      run: (a) => removeImage(docker, a, signal),
    },
    "images.save": {
      parse: record({ reference: text(512, 1) }),
      run: (a) =>
        saveStream(
          `${a.reference.replaceAll(/[/:@]/g, "-")}.tar`,
          () => docker.getImage(a.reference).get(abort),
          signal,
        ),
    },
    "images.chooseArchive": { parse: none, run: () => chooseArchive() },
    "layers.files": { parse: byChain, run: (a) => docker.longshore.layerFiles(a.chainId, a.path, abort) },
    "layers.file": { parse: byChain, run: (a) => layerFile(docker, a.chainId, a.path, signal) },
    "layers.saveFile": {
      parse: byChain,
      run: (a) => saveStream(a.path, () => docker.longshore.layerFile(a.chainId, a.path, abort), signal),
    },
    "starter.state": { parse: none, run: () => docker.longshore.starter(abort) },
    "volumes.list": { parse: none, run: async () => (await docker.listVolumes(abort)).Volumes ?? [] },
    "volumes.create": {
      parse: record({ name: text(256) }),
      run: async (a) => {
        const volume = await docker.createVolume({ ...(a.name === "" ? {} : { Name: a.name }), ...abort });
        return await volume.inspect(abort);
      },
    },
    "volumes.remove": {
      parse: record({ name: id, force: flag, forGood: flag }),
      run: (a) => removeVolume(docker, a, signal),
    },
    "networks.list": { parse: none, run: () => docker.listNetworks(abort) },
    "networks.inspect": { parse: byId, run: (a) => docker.getNetwork(a.id).inspect(abort) },
    "networks.create": {
      parse: record({ name: text(256, 1), internal: flag, subnet: text(64) }),
      run: async (a) => {
        const network = await docker.createNetwork({
          Name: a.name,
          Internal: a.internal,
          ...(a.subnet === "" ? {} : { IPAM: { Config: [{ Subnet: a.subnet }] } }),
          ...abort,
        });
        return { Id: network.id };
      },
    },
    "networks.remove": { parse: byId, run: (a) => done(docker.getNetwork(a.id).remove(abort)) },
    "trash.list": { parse: none, run: () => docker.longshore.trash(abort) },
    "trash.restore": {
      parse: record({ id, name: text(512), volumes: mapOf(id, text(256, 1), 1000) }),
      run: (a) => docker.longshore.restore(a.id, { name: a.name, volumes: a.volumes }, abort),
    },
    "trash.empty": {
      parse: record({ ids: orNull(listOf(id, 10_000)) }),
      run: (a) => docker.longshore.emptyTrash(a.ids ?? undefined, abort),
    },
    "links.open": {
      parse: record({ url: text(2048, 1) }),
      run: (a) => done(openLink(docker, a.url, signal)),
    },
    "clipboard.write": {
      parse: record({ text: text(16 * 1024 * 1024) }),
      run: async (a) => {
        await clipboard.writeText(a.text);
        return null;
      },
    },
    "text.save": {
      parse: record({ suggestedName: text(256, 1), text: text(64 * 1024 * 1024) }),
      run: (a) =>
        saveStream(a.suggestedName, () => Promise.resolve(Readable.from([Buffer.from(a.text)])), signal),
    },
    "app.about": {
      parse: none,
      run: () => Promise.resolve({ version: appVersion, hasTrayHost: isTrayThere }),
    },
    "settings.read": { parse: none, run: () => Promise.resolve(settings.value) },
    "settings.write": {
      parse: (value) => parseSettings(value),
      run: async (change) => {
        const value = await settings.write(change);
        nativeTheme.themeSource = value.theme;
        return value;
      },
    },
  };
}

async function layerFile(
  docker: Docker,
  chainId: string,
  file: string,
  signal: AbortSignal,
): Promise<FileContent> {
  const stream = await docker.longshore.layerFile(chainId, file, { abortSignal: signal });
  const length =
    "headers" in stream
      ? (stream.headers as Record<string, string | undefined>)["content-length"]
      : undefined;
  const content = await readContent(stream, length === undefined ? 0 : Number(length));
  // Without a length the engine's stream tells its end only by ending.
  const isCut = length === undefined ? !stream.readableEnded && content.isCut : content.isCut;
  stream.destroy();
  return { ...content, isCut };
}
