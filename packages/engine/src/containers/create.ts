import { mkdir, rm } from "node:fs/promises";
import { isKind, LongshoreError, messageOf, randomId } from "#kernel";
import { HOST_PLATFORM, isRunnable, platformText, refuseOtherPlatform } from "#spec";
import { cleanPath } from "./clean-path.ts";
import { type Context, directoryOf, logDirectoryOf, publish } from "./context.ts";
import type { Container, ContainerState, CreateRequest, EndpointSettings } from "./contract.ts";
import { withHostDefaults } from "./host-defaults.ts";
import { withinKernel } from "./kernel-limits.ts";
import { linksOf } from "./links.ts";
import { mergeImage, processWords } from "./merge-image.ts";
import { planMounts } from "./mount-plan.ts";
import { copyUpVolumes, inheritedMounts, realiseMounts } from "./mounts.ts";
import { randomName } from "./name-words.ts";
import { checkConflicts, withIds } from "./namespace-modes.ts";
import { checkEndpoint, networkMode, wantedNetworks } from "./network-mode.ts";
import { validate } from "./validate.ts";

const NEVER = "0001-01-01T00:00:00Z";
const INITIAL: ContainerState = {
  status: "created",
  pid: 0,
  exitCode: 0,
  error: "",
  isOomKilled: false,
  startedAt: NEVER,
  finishedAt: NEVER,
};

/** Makes a container: record, snapshot, volumes. All or nothing. */
export async function createContainer(
  context: Context,
  request: CreateRequest,
  signal: AbortSignal,
): Promise<{ id: string; warnings: readonly string[] }> {
  checkConflicts(request.settings, request.host);
  const image = context.images.get(request.settings.Image);
  const merged = mergeImage(request.settings, image.config.config);
  const { host: possible, warnings: unmet } = withinKernel(request.host, context.facts.kernelLimits);
  const host = withIds(context.book, possible);
  const warnings = [...unmet, ...validate(merged, host, context.facts)];
  for (const [network, wanted] of Object.entries(request.endpoints))
    warnings.push(...endpointWarnings(context, network === "default" ? "bridge" : network, wanted));
  checkRuntime(host.Runtime, context.runtime.info.name);
  const links = linksOf(context.book, host);
  const words = processWords(merged);
  const [path = "", ...args] = words;
  if (request.host.Init === true && context.facts.initPath === undefined)
    throw new LongshoreError(
      "invalid",
      "--init wants a static init program, and neither docker-init nor tini-static nor catatonit was found: install the package tini",
    );
  if (words.length === 0) throw new LongshoreError("invalid", "no command specified");
  const mode = networkMode(request.host.NetworkMode);
  refuseOtherPlatform(image.config, request.settings.Image, request.platform);
  if (request.platform === undefined && !isRunnable(image.config, HOST_PLATFORM))
    warnings.push(
      `The requested image's platform (${platformText(image.config)}) does not match the detected host platform (${platformText(HOST_PLATFORM)}) and no specific platform was requested`,
    );

  const endpoints = wantedNetworks(request.host, request.endpoints);
  context.runtime.expect();
  context.networks.expect(Object.keys(endpoints));
  const id = randomId();
  await using undo = new AsyncDisposableStack();
  const name = takeName(context, request.name, id, undo);
  const settings = {
    ...merged,
    WorkingDir: merged.WorkingDir === "" ? "" : cleanPath(merged.WorkingDir),
    Hostname: hostnameFor(context, merged.Hostname, request.host.UTSMode, mode, id),
  };
  undo.defer(() => context.volumes.unreference(id));
  const plan = planMounts(settings, request.host, request.areBindsReadOnlyAtTop);
  const inherited = inheritedMounts(context, id, request.host.VolumesFrom ?? []);
  const own = await realiseMounts(
    context,
    id,
    plan.filter(
      (mount) =>
        mount.source !== "" ||
        mount.type === "tmpfs" ||
        !inherited.some((point) => point.destination === mount.destination),
    ),
    undo,
    signal,
  );
  const mounts = [
    ...own,
    ...inherited.filter((point) => !own.some((mine) => mine.destination === point.destination)),
  ];
  await context.layers.prepare(id, image.top, signal);
  undo.defer(() => context.layers.removeSnapshot(id));
  await mkdir(logDirectoryOf(context, id), { recursive: true, mode: 0o710 });
  undo.defer(() => rm(directoryOf(context, id), { recursive: true, force: true }));
  await copyUpVolumes(context, id, plan, own, signal);
  const container: Container = {
    id,
    name,
    createdAt: nowText(context),
    imageId: image.id,
    settings,
    host: withHostDefaults(host, context.facts.isCgroupV2, context.runtime.info.name),
    endpoints,
    path,
    args,
    mounts,
    ...(links.length > 0 && { links }),
    state: INITIAL,
    restartCount: 0,
    isManuallyStopped: false,
    platform: image.config.os,
  };
  for (const network of Object.keys(endpoints)) checkNetwork(context, network);
  signal.throwIfAborted();
  await context.book.add(container);
  undo.move();
  publish(context, container, "create");
  return { id, warnings };
}

/** A missing network is refused at create for `container:` and host alike, but Docker finds missing ones at start: it stays silent here. */
function checkNetwork(context: Context, network: string): void {
  if (network === "host" || network === "none") return;
  try {
    context.networks.get(network);
  } catch (error) {
    if (!isKind(error, "not_found")) throw error;
  }
}

function endpointWarnings(context: Context, network: string, wanted: EndpointSettings): readonly string[] {
  try {
    return checkEndpoint(context.networks, network, wanted);
  } catch (error) {
    if (!isKind(error, "invalid")) throw error;
    const text = `invalid config for network ${network}: ${messageOf(error)}`;
    throw new LongshoreError("invalid", text, { cause: error });
  }
}

/** `runc` and containerd's name of it are in many a compose file; they get what is there. */
function checkRuntime(wanted: string, own: string): void {
  if (!["", own, "crun", "runc", "io.containerd.runc.v2"].includes(wanted))
    throw new LongshoreError("invalid", `unknown or invalid runtime name: ${wanted}`);
}

function takeName(
  context: Context,
  wanted: string | undefined,
  id: string,
  undo: AsyncDisposableStack,
): string {
  const name =
    wanted === undefined || wanted === ""
      ? randomName((free) => context.book.isNameFree(free))
      : wanted.replace(/^\//, "");
  context.book.takeName(name, id);
  undo.defer(() => context.book.freeName(name, id));
  return name;
}

function hostnameFor(
  context: Context,
  own: string,
  utsMode: string,
  mode: ReturnType<typeof networkMode>,
  id: string,
): string {
  if (own !== "") return own;
  if (mode.kind === "host" || utsMode === "host") return context.facts.hostname;
  // The other container is looked for at start, as Docker does: a 404 at create would read as a missing image to the CLI.
  if (mode.kind === "container")
    return context.book.find(mode.container)?.settings.Hostname ?? id.slice(0, 12);
  return id.slice(0, 12);
}

/** Now, as records keep it. */
export function nowText(context: Pick<Context, "clock">): string {
  return context.clock.now().toISOString().replace("Z", "000000Z");
}
