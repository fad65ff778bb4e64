import type { RuntimeProcess } from "#spec";
import type { Context } from "./context.ts";
import type { Container, ExecSettings } from "./contract.ts";
import { environmentOf, type ProcessUser } from "./document/build-document.ts";
import { capabilitySet } from "./document/capabilities.ts";
import { parseSecurityOptions } from "./document/security-options.ts";
import { grantUlimits, rlimitOf } from "./document/ulimits.ts";
import { linkedEnvironment } from "./links.ts";
import { readRootFile } from "./root-file.ts";
import { resolveUser } from "./user.ts";

/** The process document of an exec: the container's user, environment, limits and capabilities where the exec has none of its own. Throws `invalid`. */
export async function execProcess(
  context: Context,
  container: Container,
  settings: ExecSettings,
  size: readonly [number, number] | undefined,
): Promise<RuntimeProcess> {
  const user = execUser(context, container, settings);
  const isPrivileged = settings.Privileged || container.host.Privileged;
  const capabilities = capabilitySet(
    container.host.CapAdd ?? [],
    container.host.CapDrop ?? [],
    isPrivileged,
    context.facts.held,
  );
  const { held, hardLimits } = context.facts;
  const { ulimits } = grantUlimits(container.host.Ulimits ?? [], held, hardLimits);
  const security = parseSecurityOptions(container.host.SecurityOpt ?? []);
  const own = user.uid === 0 ? capabilities : [];
  return {
    terminal: settings.Tty,
    ...(settings.Tty &&
      size !== undefined &&
      size[0] > 0 && { consoleSize: { height: size[0], width: size[1] } }),
    user: {
      uid: user.uid,
      gid: user.gid,
      ...(user.additionalGids.length > 0 && { additionalGids: user.additionalGids }),
    },
    args: settings.Cmd,
    env: environmentOf(
      { Env: [...container.settings.Env, ...settings.Env], Tty: settings.Tty },
      container.settings.Hostname,
      user.home,
      linkedEnvironment(context, container),
    ),
    cwd:
      settings.WorkingDir !== ""
        ? settings.WorkingDir
        : container.settings.WorkingDir === ""
          ? "/"
          : container.settings.WorkingDir,
    capabilities: { bounding: capabilities, effective: own, permitted: own, inheritable: [], ambient: [] },
    ...(ulimits.length > 0 && { rlimits: ulimits.map(rlimitOf) }),
    noNewPrivileges: security.isNoNewPrivileges,
    ...(context.facts.hasAppArmor &&
      (security.appArmor ?? "") !== "" && { apparmorProfile: security.appArmor }),
  };
}

/** Who an exec runs as; the container's further groups are everybody's. Throws `invalid` for names that its files don't have. */
export function execUser(
  context: Context,
  container: Container,
  { User }: Pick<ExecSettings, "User">,
): ProcessUser {
  const root = context.layers.mount(container.id);
  return resolveUser(
    User === "" ? container.settings.User : User,
    readRootFile(root, "/etc/passwd"),
    readRootFile(root, "/etc/group"),
    container.host.GroupAdd ?? [],
  );
}
