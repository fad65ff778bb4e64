import { shell } from "electron";
import type { Docker } from "@longshore/client";
import type { ContainerSummary } from "@longshore/protocol";
import { BadArgument } from "./schema.ts";

/** Opens a container's published port in the browser, and nothing else. */
export async function openLink(docker: Docker, address: string, signal: AbortSignal): Promise<void> {
  const containers = await docker.listContainers({ abortSignal: signal });
  if (!isPublishedPort(address, containers))
    throw new BadArgument(`"${address.slice(0, 200)}" is no published port of a container`);
  await shell.openExternal(new URL(address).toString());
}

/** True for http(s) to this machine at a port that the engine reports as published. */
export function isPublishedPort(
  address: string,
  containers: readonly Pick<ContainerSummary, "Ports">[],
): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  if (url.protocol !== "http:" && url.protocol !== "https:") return false;
  if (url.username !== "" || url.password !== "") return false;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port === "" ? (url.protocol === "http:" ? 80 : 443) : url.port);
  return containers.some((container) =>
    container.Ports.some((published) => {
      if (published.PublicPort !== port || published.Type !== "tcp") return false;
      const isAny = published.IP === undefined || ["", "0.0.0.0", "::"].includes(published.IP);
      return isAny
        ? ["localhost", "127.0.0.1", "::1"].includes(host)
        : host === published.IP || host === "localhost";
    }),
  );
}
