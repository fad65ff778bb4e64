import { isGiven, isPositive, type UnmetField } from "./unmet.ts";

const refused = (
  field: string,
  sentence: (value: string) => string,
  asks: UnmetField["asks"] = isGiven,
): UnmetField => ({ field, answer: "refused", asks, sentence: (value) => sentence(String(value)) });
const warned = (field: string, sentence: string, asks: UnmetField["asks"] = isGiven): UnmetField => ({
  field,
  answer: "warned",
  asks,
  sentence: () => sentence,
});

const NO_QOS = (what: string) => (): string =>
  `invalid option: QoS maximum ${what} configuration is not supported on linux`;
const NO_KERNEL_MEMORY =
  "Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. Limitation discarded.";

/** Of Resources: what no Linux kernel of today has, in Docker's words. */
const resources = (prefix: string): readonly UnmetField[] => [
  warned(`${prefix}KernelMemory`, NO_KERNEL_MEMORY, isPositive),
  warned(`${prefix}CpuPercent`, "linux does not support CPU percent. Percent discarded.", isPositive),
  warned(`${prefix}CpuCount`, "linux does not support CPU count. Count discarded.", isPositive),
  refused(`${prefix}IOMaximumIOps`, NO_QOS("IOPs")),
  refused(`${prefix}IOMaximumBandwidth`, NO_QOS("bandwidth")),
];

const unlessOneOf =
  (...words: readonly string[]) =>
  (value: unknown): boolean =>
    typeof value === "string" && !words.includes(value.toLowerCase());

const linkLocal = (prefix: string): UnmetField =>
  refused(
    `${prefix}IPAMConfig.LinkLocalIPs`,
    (value) => `link-local addresses are not supported for endpoints: ${value}`,
  );

/** POST /containers/create. */
export const UNMET_AT_CREATE: readonly UnmetField[] = [
  ...resources("HostConfig."),
  refused("HostConfig.Cgroup", (value) => `invalid Cgroup "${value}": a container has a cgroup of its own`),
  refused(
    "HostConfig.StorageOpt",
    () => "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
  ),
  refused(
    "HostConfig.Isolation",
    (value) => `invalid isolation (${value}): linux only supports 'default'`,
    unlessOneOf("", "default"),
  ),
  refused(
    "HostConfig.UsernsMode",
    (value) => `invalid user namespace mode: ${value}, want "host": this engine remaps no users`,
    unlessOneOf("", "host"),
  ),
  refused(
    "HostConfig.Mounts.ImageOptions",
    () => 'invalid mount config: ImageOptions need the mount type "image", which this engine has not',
  ),
  linkLocal("NetworkingConfig.EndpointsConfig.*."),
];

/** POST /networks/ID/connect. */
export const UNMET_AT_CONNECT: readonly UnmetField[] = [linkLocal("EndpointConfig.")];

/** POST /containers/ID/update: limits that a container keeps as it was made with. */
export const UNMET_AT_UPDATE: readonly UnmetField[] = [
  ...resources(""),
  ...[
    "BlkioWeightDevice",
    "BlkioDeviceReadBps",
    "BlkioDeviceWriteBps",
    "BlkioDeviceReadIOps",
    "BlkioDeviceWriteIOps",
    "CgroupParent",
    "Devices",
    "DeviceCgroupRules",
    "DeviceRequests",
    "Init",
    "KernelMemoryTCP",
    "MemorySwappiness",
    "OomKillDisable",
    "Ulimits",
  ].map((field) => warned(field, `${field} can't be changed by an update. The container keeps its own.`)),
];

/** POST /networks/create. */
export const UNMET_AT_NETWORK_CREATE: readonly UnmetField[] = [
  refused(
    "Scope",
    (value) => `networks of scope "${value}" need a swarm, which this engine has not`,
    unlessOneOf("", "local"),
  ),
  refused("Ingress", () => "ingress networks need a swarm, which this engine has not"),
  refused("ConfigOnly", () => "config-only networks need a swarm, which this engine has not"),
  refused(
    "ConfigFrom",
    () => "ConfigFrom: there are no config-only networks, they need a swarm",
    (value) => typeof value === "object" && Object.values(value ?? {}).some(isGiven),
  ),
];
