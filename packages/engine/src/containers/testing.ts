import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Images } from "#images";
import { silentLogger } from "#kernel";
import type { Layers } from "#layers";
import { type ExecutionConfig, parseReference } from "#spec";
import { RecordedEvents } from "#testing/events";
import { FakeMounts } from "#testing/host";
import { fakeImages } from "#testing/images";
import { ManualClock } from "#testing/kernel";
import { FakeLayers } from "#testing/layers";
import { FakeLogs } from "#testing/logs";
import { fakeNetworks } from "#testing/networks";
import { FakeMachine, type FakeProgram } from "#testing/runtime";
import { keepingStore } from "#testing/store";
import { fakeVolumes } from "#testing/volumes";
import type { Networks } from "#networks";
import type { Volumes } from "#volumes";
import type { ContainersDeps } from "./context.ts";
import type { Containers, CreateRequest, HostSettings } from "./contract.ts";
import { type HostFacts, sharedMemoryOn } from "./host-facts.ts";
import { openContainers } from "./index.ts";
import type { KernelLimit } from "./kernel-limits.ts";

export const FAKE_IMAGE = "fake/image:latest";

const ALL_LIMITS: readonly KernelLimit[] = [
  "memory",
  "swap",
  "memory-reservation",
  "memory-swappiness",
  "kernel-memory-tcp",
  "oom-kill-disable",
  "pids",
  "cpu-shares",
  "cpu-cfs",
  "cpu-realtime",
  "cpuset",
  "blkio-weight",
  "blkio-weight-device",
  "blkio-throttle",
];

/** A machine that is the same everywhere: eight processors, all capabilities, cgroup v1 unless said otherwise. */
export const fakeFacts: HostFacts = {
  cpuCount: 8,
  cpuSets: { cpus: "0-7", mems: "0" },
  hasAppArmor: false,
  hostname: "test-host",
  isCgroupV2: false,
  canMountReadOnlyBelow: true,
  kernelLimits: new Set(ALL_LIMITS),
  isCgroupDelegated: false,
  held: new Set(
    (
      "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST " +
      "NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE " +
      "SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM " +
      "BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    )
      .split(" ")
      .map((name) => `CAP_${name}`),
  ),
  hardLimits: new Map([["nofile", 1_048_576]]),
  initPath: "/usr/bin/docker-init",
  ...sharedMemoryOn(new FakeMounts()),
  mountOf: async () => ({ place: "/", isShared: true, isSlave: false }),
  allDevices: async () => [
    { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o666, access: "rwm" },
  ],
};

export interface FakeGround extends AsyncDisposable {
  readonly room: Containers;
  readonly machine: FakeMachine;
  readonly clock: ManualClock;
  readonly mounts: FakeMounts;
  readonly folder: string;
  /** The rooms below. */
  readonly images: Images;
  readonly layers: Layers;
  readonly volumes: Volumes;
  readonly networks: Networks;
  readonly events: RecordedEvents;
  /** Drops the room as a killed engine would and opens a new one on the same records; `between` happens while none is there. */
  restart(between?: () => void): Promise<void>;
}

export interface FakeGroundOptions {
  readonly programs?: Readonly<Record<string, FakeProgram>>;
  readonly image?: ExecutionConfig;
  readonly facts?: Partial<HostFacts>;
  /** Instead of the fake; whoever opened it disposes it. */
  readonly layers?: Layers;
}

/** The real room on fakes: no process, no mount, no network of the machine is touched; generated files lie in a temporary folder. */
export async function openOnFakes(options: FakeGroundOptions = {}): Promise<FakeGround> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "longshore-containers-"));
  const dataRoot = path.join(folder, "data");
  const stateRoot = path.join(folder, "state");
  const rootfs = path.join(folder, "rootfs");
  for (const place of [path.join(stateRoot, "containers"), dataRoot, path.join(rootfs, "etc")])
    mkdirSync(place, { recursive: true });
  writeFileSync(
    path.join(rootfs, "etc/passwd"),
    "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n",
  );
  writeFileSync(path.join(rootfs, "etc/group"), "root:x:0:\napp:x:1000:\nvideo:x:44:app\n");
  const clock = new ManualClock();
  const logs = new FakeLogs();
  const machine = new FakeMachine(
    options.programs ?? {},
    () => clock.now(),
    (directory) => logs.writer(directory),
  );
  const mounts = new FakeMounts();
  const events = new RecordedEvents(clock);
  const networks = await fakeNetworks({ stateRoot, dataRoot, events });
  const volumes = await fakeVolumes({ dataRoot, events });
  const layers = options.layers ?? fakeLayersOver(rootfs);
  const images = await imageRoom(options.image ?? {}, { layers, events, clock });
  const kept = keepingStore();
  const deps = {
    events,
    networks,
    volumes,
    images,
    layers,
    logs,
    dataRoot,
    stateRoot,
    log: silentLogger,
    clock,
    facts: { ...fakeFacts, ...sharedMemoryOn(mounts), ...options.facts },
    cgroups: machine.cgroups,
  } satisfies Omit<ContainersDeps, "store" | "runtime">;
  const signal = new AbortController().signal;
  const open = (): Promise<Containers> =>
    openContainers({ ...deps, store: kept(), runtime: machine.open() }, signal);
  let room = await open();
  return {
    get room() {
      return room;
    },
    machine,
    clock,
    mounts,
    folder,
    images,
    layers,
    volumes,
    networks,
    events,
    restart: async (between = () => {}) => {
      await room[Symbol.asyncDispose]();
      between();
      room = await open();
    },
    [Symbol.asyncDispose]: async () => {
      await room[Symbol.asyncDispose]();
      await networks[Symbol.asyncDispose]();
      await volumes[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Fake layers whose mounts name a folder that is there: users and groups are read from it. */
function fakeLayersOver(rootfs: string): FakeLayers {
  const layers = new FakeLayers();
  layers.mount = () => ({ kind: "overlay", lowers: [rootfs] });
  return layers;
}

/** The image FAKE_IMAGE of that config, without layers. */
async function imageRoom(config: ExecutionConfig, deps: Parameters<typeof fakeImages>[0]): Promise<Images> {
  const images = await fakeImages(deps);
  await images.commit(
    undefined,
    undefined,
    { architecture: "amd64", os: "linux", config, rootfs: { type: "layers", diff_ids: [] } },
    { reference: parseReference(FAKE_IMAGE) },
    new AbortController().signal,
  );
  return images;
}

/** A create request with nothing special; what the API's parser gives for `{"Image":...,"Cmd":[...]}`. */
export function plainRequest(
  command: readonly string[],
  host: Partial<HostSettings> = {},
  settings: Partial<CreateRequest["settings"]> = {},
): CreateRequest {
  return {
    settings: {
      Hostname: "",
      Domainname: "",
      User: "",
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      Env: [],
      Cmd: command,
      Image: FAKE_IMAGE,
      Volumes: null,
      WorkingDir: "",
      Entrypoint: null,
      OnBuild: null,
      Labels: {},
      ...settings,
    },
    host: { ...PLAIN_HOST, ...host },
    endpoints: {},
  };
}

const PLAIN_HOST: HostSettings = {
  Binds: null,
  ContainerIDFile: "",
  LogConfig: { Type: "json-file", Config: {} },
  NetworkMode: "none",
  PortBindings: {},
  RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: "",
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: "",
  Dns: null,
  DnsOptions: null,
  DnsSearch: null,
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: "private",
  Cgroup: "",
  Links: null,
  OomScoreAdj: 0,
  PidMode: "",
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: "",
  UsernsMode: "",
  ShmSize: 67_108_864,
  Runtime: "",
  Isolation: "",
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: "",
  BlkioWeight: 0,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: "",
  CpusetMems: "",
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: null,
  PidsLimit: null,
  Ulimits: null,
  CpuCount: 0,
  CpuPercent: 0,
  MaskedPaths: null,
  ReadonlyPaths: null,
};
