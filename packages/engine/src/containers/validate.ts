import { isIP } from "node:net";
import { LongshoreError } from "#kernel";
import { extraAttributes } from "#logs";
import { checkCpuSets } from "./cpu-sets.ts";
import { checkSecurity } from "./document/security-options.ts";
import { checkDeviceRules } from "./document/resources.ts";
import { capabilitySet } from "./document/capabilities.ts";
import { grantUlimits } from "./document/ulimits.ts";
import { type HostFacts, ULIMIT_NAMES } from "./host-facts.ts";
import { logLimitOf } from "./log-options.ts";
import { exposedRange } from "./network-mode.ts";
import { checkModes } from "./namespace-modes.ts";
import { signalNumber } from "./signals.ts";
import type { ContainerSettings, HostSettings, Ulimit } from "./settings.ts";

const MIN_MEMORY_BYTES = 6 * 1024 * 1024;
const refuse = (message: string): LongshoreError => new LongshoreError("invalid", message);

/** Checks what needs no host: throws `invalid` in Docker's words, returns warnings. */
export function validate(
  settings: ContainerSettings,
  host: HostSettings,
  {
    cpuCount,
    cpuSets,
    held,
    hardLimits,
    hasAppArmor,
  }: Pick<HostFacts, "cpuCount" | "cpuSets" | "held" | "hardLimits" | "hasAppArmor">,
): readonly string[] {
  const warnings: string[] = [];
  if (settings.Hostname.length > 63 || !/^[a-zA-Z0-9._-]*$/.test(settings.Hostname))
    throw refuse(`invalid hostname format: ${settings.Hostname}`);
  if (settings.WorkingDir !== "" && !settings.WorkingDir.startsWith("/"))
    throw refuse(
      `the working directory '${settings.WorkingDir}' is invalid, it needs to be an absolute path`,
    );
  for (const entry of settings.Env)
    if (entry === "" || entry.startsWith("=")) throw refuse(`invalid environment variable: ${entry}`);
  if ((settings.StopSignal ?? "") !== "") signalNumber(settings.StopSignal ?? "");
  warnings.push(...checkHealth(settings));
  checkModes(host);
  logLimitOf(host.LogConfig);
  extraAttributes(host.LogConfig.Config, settings.Labels, settings.Env);
  checkMemory(host, warnings);
  if (host.NanoCpus < 0 || host.NanoCpus > cpuCount * 1e9)
    throw refuse(
      `range of CPUs is from 0.01 to ${cpuCount.toFixed(2)}, as there are only ${cpuCount} CPUs available`,
    );
  if (host.NanoCpus > 0 && host.CpuPeriod > 0)
    throw refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  if (host.NanoCpus > 0 && host.CpuQuota > 0)
    throw refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  if (host.CpuShares < 0)
    throw refuse(`invalid CPU shares (${host.CpuShares}): value must be a positive integer`);
  if (host.CpuPeriod !== 0 && (host.CpuPeriod < 1000 || host.CpuPeriod > 1_000_000))
    throw refuse("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  if (host.CpuQuota > 0 && host.CpuQuota < 1000)
    throw refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  if (
    host.CpuRealtimePeriod > 0 &&
    host.CpuRealtimeRuntime > 0 &&
    host.CpuRealtimeRuntime > host.CpuRealtimePeriod
  )
    throw refuse("cpu real-time runtime cannot be higher than cpu real-time period");
  checkCpuSets(host, cpuSets);
  if (host.BlkioWeight !== 0 && (host.BlkioWeight < 10 || host.BlkioWeight > 1000))
    throw refuse("Range of blkio weight is from 10 to 1000");
  if (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000)
    throw refuse(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  if (host.ShmSize < 0) throw refuse("SHM size can not be less than 0");
  warnings.push(...checkUlimits(host.Ulimits ?? [], held, hardLimits));
  checkRestartPolicy(host);
  checkPorts(settings, host);
  capabilitySet(host.CapAdd ?? [], host.CapDrop ?? [], false, new Set());
  warnings.push(...checkSecurity(host.SecurityOpt ?? [], hasAppArmor));
  checkDeviceRules(host.DeviceCgroupRules ?? []);
  if (Object.keys(host.Annotations ?? {}).includes(""))
    throw refuse("invalid Annotations: the empty string is not permitted as an annotation key");
  for (const entry of host.ExtraHosts ?? []) checkExtraHost(entry);
  for (const address of host.Dns ?? [])
    if (!/^[0-9a-fA-F.:]+$/.test(address)) throw refuse(`bad IP address: ${address}`);
  if (host.NetworkMode === "host" && Object.keys(host.PortBindings).length > 0)
    warnings.push("Published ports are discarded when using host network mode");
  return warnings;
}

/** `name:address`; the address may stand in brackets, or be the host's. */
function checkExtraHost(entry: string): void {
  const [, name, text = ""] = /^([^:=]+)[:=](.*)$/.exec(entry) ?? [];
  if (name === undefined) throw refuse(`bad format for add-host: "${entry}"`);
  if (text !== "host-gateway" && isIP(text.replace(/^\[(.*)\]$/, "$1")) === 0)
    throw refuse(`invalid IP address in add-host: "${text}"`);
}

const MS_NANO = 1_000_000;

function checkHealth({ Healthcheck: check }: ContainerSettings): readonly string[] {
  if (check === undefined) return [];
  for (const name of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const) {
    const value = check[name] ?? 0;
    if (value !== 0 && value < MS_NANO) throw refuse(`${name} in Healthcheck cannot be less than 1ms`);
  }
  if ((check.Retries ?? 0) < 0) throw refuse("Retries in Healthcheck cannot be negative");
  const [kind = "NONE", ...words] = check.Test ?? [];
  if (!["NONE", "CMD", "CMD-SHELL"].includes(kind))
    return [`Unknown healthcheck type '${kind}' (expected 'CMD'). Healthcheck discarded.`];
  return kind === "NONE" || words.length > 0
    ? []
    : ["The healthcheck has no command. Healthcheck discarded."];
}

function checkMemory(host: HostSettings, warnings: string[]): void {
  if (host.Memory !== 0 && host.Memory < MIN_MEMORY_BYTES)
    throw refuse("Minimum memory limit allowed is 6MB");
  if (host.Memory > 0 && host.MemorySwap > 0 && host.MemorySwap < host.Memory)
    throw refuse("Minimum memoryswap limit should be larger than memory limit, see usage");
  if (host.Memory === 0 && host.MemorySwap > 0)
    throw refuse("You should always set the Memory limit when using Memoryswap limit, see usage");
  if (host.MemoryReservation !== 0 && host.MemoryReservation < MIN_MEMORY_BYTES)
    throw refuse("Minimum memory reservation allowed is 6MB");
  if (host.Memory > 0 && host.MemoryReservation > host.Memory)
    throw refuse("Minimum memory limit can not be less than memory reservation limit, see usage");
  if (host.MemorySwappiness !== null && (host.MemorySwappiness < -1 || host.MemorySwappiness > 100))
    throw refuse(`Invalid value: ${host.MemorySwappiness}, valid memory swappiness range is 0-100`);
  if (host.OomKillDisable === true && host.Memory === 0)
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    );
}

function checkUlimits(
  ulimits: readonly Ulimit[],
  held: ReadonlySet<string>,
  hardLimits: ReadonlyMap<string, number>,
): readonly string[] {
  for (const { Name, Soft, Hard } of ulimits) {
    if (!ULIMIT_NAMES.includes(Name)) throw refuse(`invalid ulimit type: ${Name}`);
    if (Hard >= 0 && (Soft > Hard || Soft < 0))
      throw refuse(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
  }
  return grantUlimits(ulimits, held, hardLimits).warnings;
}

function checkRestartPolicy(host: HostSettings): void {
  const { Name, MaximumRetryCount } = host.RestartPolicy;
  if (!["", "no", "always", "unless-stopped", "on-failure"].includes(Name))
    throw refuse(
      `invalid restart policy: unknown policy '${Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  if (MaximumRetryCount < 0 && Name === "on-failure")
    throw refuse("invalid restart policy: maximum retry count cannot be negative");
  if (MaximumRetryCount !== 0 && !["", "on-failure"].includes(Name))
    throw refuse(
      `invalid restart policy: maximum retry count can only be used with 'on-failure'${MaximumRetryCount < 0 ? " and cannot be negative" : ""}`,
    );
  if (host.AutoRemove && Name !== "" && Name !== "no")
    throw refuse("can't create 'AutoRemove' container with restart policy");
}

function checkPorts(settings: ContainerSettings, host: HostSettings): void {
  for (const port of Object.keys(settings.ExposedPorts ?? {}))
    if (exposedRange(port) === undefined) throw refuse(`invalid port specification: "${port}"`);
  for (const port of Object.keys(host.PortBindings)) {
    const range = exposedRange(port);
    if (range === undefined || range.first !== range.last)
      throw refuse(`invalid port specification: "${port.split("/")[0]}"`);
  }
  for (const bindings of Object.values(host.PortBindings)) {
    for (const { HostPort } of bindings ?? []) {
      if (HostPort === "") continue;
      const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(HostPort);
      if (
        match === null ||
        Number(match[1]) > 65_535 ||
        Number(match[2] ?? 0) > 65_535 ||
        Number(match[2] ?? match[1]) < Number(match[1])
      )
        throw refuse(`invalid port specification: "${HostPort}"`);
    }
  }
}
