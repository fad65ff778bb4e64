import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Image } from "#images";
import { LongshoreError, silentLogger } from "#kernel";
import type { Digest, ExecutionConfig } from "#spec";
import type { Store } from "#store";
import { RecordedEvents } from "#testing/events";
import { FakeMounts } from "#testing/host";
import { ManualClock } from "#testing/kernel";
import { FakeLogs } from "#testing/logs";
import { fakeNetworks } from "#testing/networks";
import { FakeMachine, type FakeProgram } from "#testing/runtime";
import { memoryStore } from "#testing/store";
import { fakeVolumes } from "#testing/volumes";
import type { ContainersDeps } from "./context.ts";
import type { Containers, CreateRequest, HostSettings } from "./contract.ts";
import { type HostFacts, sharedMemoryOn } from "./host-facts.ts";
import { openContainers } from "./index.ts";

export const FAKE_IMAGE = "fake/image:latest";
const IMAGE_ID = `sha256:${"1".repeat(64)}` as Digest;

/** A machine that is the same everywhere: eight processors, all capabilities, cgroup v1 unless said otherwise. */
export const fakeFacts: HostFacts = {
  cpuCount: 8,
  hostname: "test-host",
  isCgroupV2: false,
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
  readonly events: RecordedEvents;
  /** Drops the room as a killed engine would and opens a new one on the same records; `between` happens while none is there. */
  restart(between?: () => void): Promise<void>;
}

export interface FakeGroundOptions {
  readonly programs?: Readonly<Record<string, FakeProgram>>;
  readonly image?: ExecutionConfig;
  readonly facts?: Partial<HostFacts>;
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
  const snapshots = new Set<string>();
  const kept = keepingStore();
  const deps = {
    events,
    networks,
    volumes,
    images: fakeImages(options.image ?? {}),
    layers: {
      mount: () => ({ kind: "overlay", lowers: [rootfs] }),
      prepare: async (key) => void snapshots.add(key),
      removeSnapshot: async (key) => void snapshots.delete(key),
      snapshots: () => snapshots.values(),
      changes: async () => [],
      exportDiff: async function* () {},
      usageBytes: async () => 0,
    },
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

/** One set of tables that each next engine opens again. */
function keepingStore(): () => Store {
  const tables = new Map<string, ReturnType<Store["table"]>>();
  const store = memoryStore();
  return () => ({
    table: <T>(name: string) => {
      const table = tables.get(name) ?? store.table<unknown>(name, 1, (row) => row);
      tables.set(name, table);
      return table as ReturnType<typeof store.table<T>>;
    },
    settled: async () => {},
    [Symbol.asyncDispose]: async () => {},
  });
}

function fakeImages(config: ExecutionConfig): ContainersDeps["images"] {
  const image: Image = {
    id: IMAGE_ID,
    config: { architecture: "amd64", os: "linux", config, rootfs: { type: "layers", diff_ids: [] } },
    chain: [],
    repoTags: [FAKE_IMAGE],
    repoDigests: [],
    sizeBytes: 0,
    createdAt: "2026-01-01T00:00:00Z",
  };
  return {
    get: (name) => {
      if (name === FAKE_IMAGE || name === image.id) return image;
      throw new LongshoreError("not_found", `No such image: ${name}`);
    },
    list: () => [image],
    onUse: () => {},
    commit: async () => image.id,
  };
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
