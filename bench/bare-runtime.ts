import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxLayer, tarOf } from "@longshore/testkit";

/** The floor of a start: crun alone, in a network namespace with a veth pair on a bridge. */
export interface BareRuntime extends Disposable {
  /** Runs `true` once; milliseconds, the making and removing of the namespace included. */
  run(): number;
  /** Runs `true` once in a container that runs already; milliseconds. */
  exec(): number;
}

const BRIDGE = "lsbench0";

/** A bundle of the starter's root in `folder`, without seccomp, limits or log: less than any engine does. */
export function makeBundle(folder: string): BareRuntime {
  const bundle = join(folder, "bundle");
  mkdirSync(join(bundle, "rootfs"), { recursive: true });
  spawnSync("tar", ["-xf", "-", "-C", join(bundle, "rootfs")], { input: tarOf(busyboxLayer()) });
  execFileSync("crun", ["spec"], { cwd: bundle });
  const file = join(bundle, "config.json");
  const config: {
    process: { terminal: boolean; args: string[] };
    linux: { namespaces: { type: string; path?: string }[] };
  } = JSON.parse(readFileSync(file, "utf8"));
  config.process.terminal = false;
  config.process.args = ["/bin/true"];
  const namespace = `lsbench-${process.pid}`;
  for (const entry of config.linux.namespaces)
    if (entry.type === "network") entry.path = `/run/netns/${namespace}`;
  writeFileSync(file, JSON.stringify(config));
  ip(`link add ${BRIDGE} type bridge`, `link set ${BRIDGE} up`);
  let serial = 0;
  let resident: string | undefined;
  return {
    run() {
      const startedAt = performance.now();
      ip(
        `netns add ${namespace}`,
        `link add lsbench1 type veth peer name eth0 netns ${namespace}`,
        `link set lsbench1 master ${BRIDGE} up`,
      );
      execFileSync("crun", ["run", "--bundle", bundle, `${namespace}-${serial++}`]);
      ip("link del lsbench1", `netns del ${namespace}`);
      return performance.now() - startedAt;
    },
    exec() {
      resident ??= startResident(bundle, config, namespace);
      const startedAt = performance.now();
      execFileSync("crun", ["exec", resident, "/bin/true"]);
      return performance.now() - startedAt;
    },
    [Symbol.dispose]() {
      if (resident !== undefined) spawnSync("crun", ["delete", "--force", resident]);
      spawnSync("ip", ["netns", "del", namespace]);
      ip(`link del ${BRIDGE}`);
    },
  };
}

/** A container that only sleeps, without a network; its name. */
function startResident(
  bundle: string,
  config: { process: { args: string[] }; linux: { namespaces: { type: string; path?: string }[] } },
  namespace: string,
): string {
  const { process: own, linux } = config;
  const namespaces = linux.namespaces.filter(({ type }) => type !== "network");
  const sleeping = {
    ...config,
    process: { ...own, args: ["/bin/sleep", "100000"] },
    linux: { ...linux, namespaces },
  };
  const file = join(bundle, "resident.json");
  writeFileSync(file, JSON.stringify(sleeping));
  const name = `${namespace}-resident`;
  const where = ["--bundle", bundle, "--config", file];
  // A pipe would be the container's too, and be waited for.
  execFileSync("crun", ["run", "--detach", ...where, name], { stdio: ["ignore", "ignore", "inherit"] });
  return name;
}

function ip(...commands: readonly string[]): void {
  execFileSync("ip", ["-batch", "-"], { input: `${commands.join("\n")}\n` });
}
