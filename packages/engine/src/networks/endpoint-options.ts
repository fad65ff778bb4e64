import { LongshoreError } from "#kernel";
import type { EndpointSpec } from "./contract.ts";

const PREFIX = "com.docker.network.endpoint";
const KNOWN = [`${PREFIX}.ifname`, `${PREFIX}.sysctls`];
/** Longer names are cut by the kernel. Source: <linux/if.h>, IFNAMSIZ. */
const INTERFACE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/;
/** The docker CLI makes small letters of what it is given. */
const SYSCTL = /^net\.(?:ipv4|ipv6|mpls)\.[a-z0-9_-]+\.(?:IFNAME|ifname)\.[\w.-]+=.*$/;

/** What an endpoint asks of its interface by driver options. */
export interface EndpointOptions {
  readonly interfaceName?: string;
  /** Kernel settings of the interface, by name with `/` for the dots in a part. */
  readonly sysctls: (interfaceName: string) => Readonly<Record<string, string>>;
  /** Those that mean nothing here: a bridge passes over them, as Docker's does. */
  readonly ignored: readonly string[];
}

/** Reads `ifname` and `sysctls`. Throws `invalid` for names that can't be. Source: docker network connect, --driver-opt. */
export function endpointOptions({
  driverOptions = {},
}: Pick<EndpointSpec, "driverOptions">): EndpointOptions {
  const interfaceName = driverOptions[`${PREFIX}.ifname`] ?? "";
  if (interfaceName !== "" && !INTERFACE_NAME.test(interfaceName))
    throw new LongshoreError(
      "invalid",
      `error generating an interface name: invalid name "${interfaceName}"`,
    );
  const settings = (driverOptions[`${PREFIX}.sysctls`] ?? "")
    .split(",")
    .filter((text) => text !== "")
    .map((text) => {
      if (!SYSCTL.test(text))
        throw new LongshoreError(
          "invalid",
          `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
        );
      const at = text.indexOf("=");
      return [text.slice(0, at), text.slice(at + 1)] as const;
    });
  return {
    ...(interfaceName !== "" && { interfaceName }),
    sysctls: (own) =>
      Object.fromEntries(
        settings.map(([name, value]) => [
          name.replace(/\.IFNAME\./i, `.${own.replaceAll(".", "/")}.`),
          value,
        ]),
      ),
    ignored: Object.keys(driverOptions).filter((name) => !KNOWN.includes(name)),
  };
}
