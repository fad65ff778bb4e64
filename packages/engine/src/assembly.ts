import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { errno, LongshoreError, type Logger, randomId, systemClock as clock } from "#kernel";
import { openApi, openAuthorizer, readCertificates } from "#api";
import { openContainers, readHostFacts } from "#containers";
import { openEvents } from "#events";
import { linuxCgroups } from "#host";
import { openImages } from "#images";
import { openLayers } from "#layers";
import { openLogs } from "#logs";
import { openNetworks } from "#networks";
import { openRegistry, withoutSecrets } from "#registry";
import { openRuntime } from "#runtime";
import { holdFolder, openStore } from "#store";
import { openSystem } from "#system";
import { openVolumes } from "#volumes";
import type { EngineConfig } from "./config.ts";
import { checkSystem, findInit, findRuntime, NO_RUNTIME } from "./doctor.ts";
import { listenWarnings } from "./listens.ts";

export const ENGINE_VERSION = "0.1.0";
const STARTER_REFERENCE = "longshore/starter:latest";

/** Constructs every room in order into one stack; disposing it stops the engine and leaves containers running. */
export async function assemble(
  config: EngineConfig,
  log: Logger,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const runtimeProgram = readyRuntime(config.runtime);
  const certificates = config.tls === undefined ? undefined : await readCertificates(config.tls);
  for (const reason of certificates?.warnings ?? []) log.warn("TLS serves with a flaw", { reason });
  const authorizer =
    config.authorizationPlugins.length === 0
      ? undefined
      : await openAuthorizer(config.authorizationPlugins, config.pluginRoot, signal);
  const { dataRoot, stateRoot } = config;
  stack.use(holdFolder(dataRoot, "data root"));
  if (stateRoot !== dataRoot) stack.use(holdFolder(stateRoot, "state root"));
  await Promise.all([
    chmod(dataRoot, 0o711),
    chmod(stateRoot, 0o711),
    ...["containers", "tmp"].map((name) =>
      mkdir(path.join(stateRoot, name), { recursive: true, mode: 0o710 }),
    ),
  ]);
  const store = stack.use(openStore(path.join(dataRoot, "metadata.db")));
  const events = openEvents(clock);
  const [layers, runtime, networks, volumes] = await Promise.all([
    openLayers({ dataRoot, store, log: log.child("layers") }, signal).then((room) => stack.use(room)),
    openRuntime(
      { stateRoot, dataRoot, runtime: runtimeProgram, log: log.child("runtime"), clock },
      signal,
    ).then((room) => stack.use(room)),
    openNetworks(
      {
        store,
        events,
        stateRoot,
        dataRoot,
        log: log.child("networks"),
        clock,
        ...(config.bridgeSubnet !== undefined && { bridgeSubnet: config.bridgeSubnet }),
      },
      signal,
    ).then((room) => stack.use(room)),
    openVolumes({ store, events, dataRoot, log: log.child("volumes"), clock }, signal).then((room) =>
      stack.use(room),
    ),
  ]);
  const registry = stack.use(
    openRegistry({
      log: log.child("registry"),
      mirrors: config.mirrors,
      insecure: config.insecureRegistries,
      certificates: config.certificates,
      proxies: config.proxies,
    }),
  );
  const images = stack.use(
    await openImages({ store, events, layers, registry, log: log.child("images"), clock }, signal),
  );
  const logs = stack.use(
    openLogs({
      log: log.child("logs"),
      clock,
      ...(config.journaldSocket !== undefined && { journaldSocket: config.journaldSocket }),
    }),
  );
  const facts = await readHostFacts(findInit());
  const containers = stack.use(
    await openContainers(
      {
        store,
        events,
        images,
        layers,
        networks,
        volumes,
        runtime,
        logs,
        dataRoot,
        stateRoot,
        log: log.child("containers"),
        clock,
        facts,
        cgroups: linuxCgroups,
      },
      signal,
    ),
  );
  const system = openSystem({
    log: log.child("system"),
    facts,
    trash: config.trash,
    containers,
    images,
    layers,
    volumes,
    events,
    clock,
    identity: {
      authorizationPlugins: config.authorizationPlugins,
      warnings: listenWarnings(config.listens, config.tls),
      id: await engineId(dataRoot),
      version: ENGINE_VERSION,
      dataRoot,
      runtimeName: runtime.info.name,
      runtimeVersion: runtime.info.version,
      insecureRegistries: config.insecureRegistries,
      mirrors: config.mirrors,
      proxies: {
        http: withoutSecrets(config.proxies.http),
        https: withoutSecrets(config.proxies.https),
        no: config.proxies.no,
      },
    },
    starter: { reference: STARTER_REFERENCE, file: config.starterFile },
  });
  stack.use(system);
  for (const listen of config.listens)
    if (listen.kind === "unix") await mkdir(path.dirname(listen.path), { recursive: true });
  stack.use(
    await openApi(
      { containers, images, layers, networks, volumes, events, system, clock, log: log.child("api") },
      config.listens,
      log.child("api"),
      ENGINE_VERSION,
      {
        ...(certificates !== undefined && { certificates }),
        ...(authorizer !== undefined && { authorizer }),
      },
    ),
  );
  return stack.move();
}

/** The OCI runtime to use. Throws `unavailable` with everything that this host lacks. */
function readyRuntime(given: EngineConfig["runtime"]): { readonly name: string; readonly path: string } {
  const runtime = given ?? findRuntime();
  const missing = checkSystem()
    .filter((check) => !check.isOk && check.isRequired)
    .map((check) => check.detail);
  if (runtime !== undefined && missing.length === 0) return runtime;
  throw new LongshoreError(
    "unavailable",
    [...(runtime === undefined ? [NO_RUNTIME] : []), ...missing].join("; "),
  );
}

/** A stable id of this data root. */
async function engineId(dataRoot: string): Promise<string> {
  const file = path.join(dataRoot, "engine.id");
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    if (errno(error) !== "ENOENT") throw error;
    const id = randomId().slice(0, 32);
    await writeFile(file, `${id}\n`);
    return id;
  }
}
