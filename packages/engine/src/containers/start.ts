import { readFile } from "node:fs/promises";
import path from "node:path";
import { isKind, LongshoreError, messageOf, rfc3339Nano } from "#kernel";
import type { Sandbox } from "#networks";
import type { Task } from "#runtime";
import { release, removeStopped } from "./clean-up.ts";
import { networkFiles, type NetworkFiles, writeNetworkFiles } from "./container-files.ts";
import { tellLinked } from "./connect.ts";
import { type Context, directoryOf, logDirectoryOf, publish } from "./context.ts";
import type { Container } from "./contract.ts";
import { blockDeviceNumbers, deviceNodes, refuseDeviceRequests } from "./devices.ts";
import { buildDocument } from "./document/build-document.ts";
import { runtimeMounts } from "./mounts.ts";
import { initialHealth, watchHealth } from "./health.ts";
import { checkLinks, linkedEnvironment, linkedHosts } from "./links.ts";
import { logDetails, logLimitOf, logSourceOf } from "./log-options.ts";
import { namespacePaths, runningPid, sharedMemory } from "./namespaces.ts";
import { endpointSpec, networkMode, portSpecs } from "./network-mode.ts";
import { readRootFile } from "./root-file.ts";
import { resolveUser } from "./user.ts";

/** Starts under the container's lock, which the caller holds. A failure leaves nothing but the state's Error and exit code. */
export async function startLocked(context: Context, id: string, signal: AbortSignal): Promise<void> {
  const live = context.book.live(id);
  // The clean-up after the last exit may remove the container: only then it is known what there is to start.
  while (live.isCleaning) await live.settled;
  const container = context.book.byId(id);
  if (container === undefined) throw new LongshoreError("not_found", `No such container: ${id}`);
  if (container.state.status === "paused")
    throw new LongshoreError("conflict", "cannot start a paused container, try unpause instead");
  if (live.task !== undefined) throw new LongshoreError("unchanged", `container ${id} is already running`);
  if (container.state.status === "removing" || container.state.status === "dead")
    throw new LongshoreError("conflict", "container is marked for removal and cannot be started");
  if (live.isUnclean) {
    await release(context, container);
    live.isUnclean = false;
  }
  context.runtime.expect();
  try {
    const task = await launch(context, container, signal);
    live.task = task;
    live.isStopping = false;
    const durable = context.book.changeState(id, {
      status: "running",
      pid: task.pid,
      exitCode: 0,
      error: "",
      isOomKilled: false,
      startedAt: rfc3339Nano(task.startedAtNano),
      ...initialHealth(container),
    });
    // The process runs, disk or not (its own output may have filled it): a later engine learns of it from the monitor.
    await durable.catch((error: unknown) =>
      context.log.error("a start could not be recorded", { container: id, error }),
    );
    publish(context, container, "start");
    context.onStarted(id, task);
    watchHealth(context, id);
    live.nextStart.resolve(task);
    live.nextStart = Promise.withResolvers<Task>();
    await tellLinked(context, id).catch((error: unknown) =>
      context.log.warn("a container that links to this one does not know its address", {
        container: id,
        error,
      }),
    );
  } catch (error) {
    signal.throwIfAborted();
    const message = messageOf(error);
    await context.book.changeState(id, {
      status: container.state.status === "restarting" ? "exited" : container.state.status,
      exitCode: exitCodeFor(message),
      error: message,
    });
    throw error;
  }
}

/** As startLocked. --rm promises that nothing stays, also of a container that never ran; clients wait for the removal. */
export async function startOrForget(context: Context, id: string, signal: AbortSignal): Promise<void> {
  try {
    await startLocked(context, id, signal);
  } catch (error) {
    const container = context.book.byId(id);
    const isRunning = context.book.live(id).task !== undefined;
    if (container?.host.AutoRemove === true && !isRunning && !isKind(error, "unchanged"))
      await removeStopped(context, container, true);
    throw error;
  }
}

/** 127 not found, 126 not executable, 128 the rest. Source: docker run, exit status. */
function exitCodeFor(message: string): number {
  if (/executable file not found|no such file or directory|system cannot find/i.test(message)) return 127;
  return /permission denied|is a directory|not a directory/i.test(message) ? 126 : 128;
}

async function launch(context: Context, container: Container, signal: AbortSignal): Promise<Task> {
  refuseDeviceRequests(container.host);
  checkLinks(context, container);
  await using undo = new AsyncDisposableStack();
  await using opened = new AsyncDisposableStack();
  const root = context.layers.mount(container.id);
  const [network, mounts, devices, blockDevices] = await Promise.all([
    joinNetwork(context, container, undo, signal),
    runtimeMounts(context, container, undo, opened, signal),
    deviceNodes(container.host, () => context.facts.allDevices()),
    blockDeviceNumbers(container.host),
  ]);
  const { isCgroupV2, isCgroupDelegated, hasAppArmor, held, hardLimits, initPath } = context.facts;
  const shm = await provideShm(context, container, undo);
  const document = buildDocument({
    id: container.id,
    settings: container.settings,
    host: container.host,
    path: container.path,
    args: container.args,
    user: resolveUser(
      container.settings.User,
      readRootFile(root, "/etc/passwd"),
      readRootFile(root, "/etc/group"),
      container.host.GroupAdd ?? [],
    ),
    mounts,
    files: network.files,
    hostname: container.settings.Hostname,
    linkedEnvironment: linkedEnvironment(context, container),
    namespaces: { network: network.path, ...namespacePaths(context, container, isCgroupV2) },
    devices,
    blockDevices,
    held,
    hardLimits,
    ...(initPath !== undefined && { initPath }),
    ...(shm !== undefined && { shmFolder: shm }),
    hasAppArmor,
    isCgroupV2,
    isCgroupDelegated,
    cgroupParent: cgroupParentOf(container),
  });
  checkTag(container);
  const limit = logLimitOf(container.host.LogConfig);
  const logDirectory = logDirectoryOf(context, container.id);
  using shipment = await context.logs.openShipment(logSourceOf(container, logDirectory), signal);
  const task = await context.runtime.start(
    {
      id: container.id,
      document,
      root,
      stdio: {
        hasTty: container.settings.Tty,
        hasStdin: container.settings.OpenStdin,
        ...(container.host.ConsoleSize[0] > 0 && { size: container.host.ConsoleSize }),
      },
      logDirectory,
      ...(limit !== undefined && { logLimit: limit }),
    },
    signal,
  );
  undo.move();
  if (shipment !== undefined) await shipment.begin(context.book.live(container.id).outputEnd.promise);
  return task;
}

function checkTag(container: Container): void {
  try {
    logDetails(container);
  } catch (error) {
    throw new LongshoreError("invalid", `failed to initialize logging driver: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The shared /dev/shm: made when this container owns it. */
async function provideShm(
  context: Context,
  container: Container,
  undo: AsyncDisposableStack,
): Promise<string | undefined> {
  const folder = sharedMemory(context, container);
  if (folder === undefined || container.host.IpcMode !== "shareable") return folder;
  await context.facts.unmountShm(folder);
  undo.defer(() => context.facts.unmountShm(folder));
  await context.facts.mountShm(folder, container.host.ShmSize);
  return folder;
}

interface JoinedNetwork {
  readonly path: string;
  readonly files: Partial<NetworkFiles>;
}

async function joinNetwork(
  context: Context,
  container: Container,
  undo: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<JoinedNetwork> {
  const isDisabled = container.settings.NetworkDisabled === true;
  const mode = isDisabled ? ({ kind: "none" } as const) : networkMode(container.host.NetworkMode);
  const directory = directoryOf(context, container.id);
  if (mode.kind === "container") {
    const other = context.book.get(mode.container);
    const pid = runningPid(context, mode.container, "join network of");
    context.book.live(container.id).sandboxOwner = other.id;
    return { path: `/proc/${pid}/ns/net`, files: networkFiles(directoryOf(context, other.id)) };
  }
  if (mode.kind === "host") {
    const resolvConf = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
    return {
      path: "host",
      files: await writeNetworkFiles(
        directory,
        container,
        context.facts.hostname,
        [],
        resolvConf,
        "127.0.0.1",
        [],
      ),
    };
  }
  const sandbox = await openSandbox(context, container, isDisabled, signal);
  undo.defer(() => context.networks.close(container.id));
  const gateway =
    sandbox.endpoints.find((endpoint) => endpoint.gateway !== undefined)?.gateway ?? "127.0.0.1";
  return {
    path: sandbox.path,
    files: await writeNetworkFiles(
      directory,
      container,
      container.settings.Hostname,
      sandbox.endpoints,
      sandbox.resolvConf,
      gateway,
      linkedHosts(context, container),
    ),
  };
}

async function openSandbox(
  context: Context,
  container: Container,
  isDisabled: boolean,
  signal: AbortSignal,
): Promise<Sandbox> {
  const { host } = container;
  const wanted = isDisabled ? [] : Object.entries(container.endpoints).filter(([name]) => name !== "none");
  const endpoints = wanted.map(([network, settings]) => ({
    network,
    spec: endpointSpec(container, context.networks.get(network).name, settings),
  }));
  try {
    return await context.networks.open(
      {
        containerId: container.id,
        endpoints,
        ports: endpoints.length === 0 ? [] : portSpecs(container),
        dns: { servers: host.Dns ?? [], search: host.DnsSearch ?? [], options: host.DnsOptions ?? [] },
      },
      signal,
    );
  } catch (error) {
    if (isKind(error, "internal"))
      throw new LongshoreError("internal", `failed to set up container networking: ${error.message}`, {
        cause: error,
      });
    throw error;
  }
}

function cgroupParentOf(container: Container): string {
  const { CgroupParent } = container.host;
  return CgroupParent === "" ? "/longshore" : path.posix.join("/", CgroupParent).replace(/(.)\/$/, "$1");
}

/** Below each controller's mount: where the runtime puts this container's processes. */
export function cgroupPathOf(container: Container): string {
  return `${cgroupParentOf(container)}/${container.id}`;
}
