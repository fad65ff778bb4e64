import { LongshoreError } from "#kernel";
import type { EndpointSpec } from "./contract.ts";

const PREFIX = "com.docker.network.endpoint";
/** Longer names are cut by the kernel. Source: <linux/if.h>, IFNAMSIZ. */
const INTERFACE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/;

/** What an endpoint asks of its interface by driver options. */
export interface EndpointOptions {
  readonly interfaceName?: string;
  /** Kernel settings of the interface, by name with `/` for the dots in a part. */
  readonly sysctls: (interfaceName: string) => Readonly<Record<string, string>>;
}

/** Reads `ifname` and `sysctls`. Throws `invalid` for other options and for names that can't be. Source: docker network connect, --driver-opt. */
export function endpointOptions({
  driverOptions = {},
}: Pick<EndpointSpec, "driverOptions">): EndpointOptions {
  for (const name of Object.keys(driverOptions))
    if (name !== `${PREFIX}.ifname` && name !== `${PREFIX}.sysctls`)
      throw new LongshoreError(
        "invalid",
        `unknown endpoint option "${name}", want ${PREFIX}.ifname or .sysctls`,
      );
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
      const [, name, value] = /^(net\.[a-z0-9]+\.[a-z0-9]+\.IFNAME\.[\w.-]+)=(.*)$/.exec(text) ?? [];
      if (name === undefined || value === undefined)
        throw new LongshoreError(
          "invalid",
          `unrecognised interface sysctl "${text}": want net.X.Y.IFNAME.NAME=VALUE`,
        );
      return [name, value] as const;
    });
  return {
    ...(interfaceName !== "" && { interfaceName }),
    sysctls: (own) =>
      Object.fromEntries(
        settings.map(([name, value]) => [name.replace("IFNAME", own.replaceAll(".", "/")), value]),
      ),
  };
}
