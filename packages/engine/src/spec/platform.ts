import { LongshoreError } from "#kernel";
import { type Platform, platformText } from "./oci-image.ts";

const ARCHITECTURES: Readonly<Record<string, readonly [string, string?]>> = {
  aarch64: ["arm64"],
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  i386: ["386"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};

/** Node's names of machines, as images have them, where they differ. */
const NODE_NAMES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
  mipsel: "mipsle",
};

/** What this engine runs on. */
export const HOST_PLATFORM: Platform = {
  os: "linux",
  architecture: NODE_NAMES[process.arch] ?? process.arch,
};

/** One name for one machine: `arm` is `arm/v7`, `arm64/v8` is `arm64`, `amd64/v1` is `amd64`. Source: containerd, platforms.Normalize. */
export function normalizePlatform(platform: Platform): Platform {
  const given = platform.architecture.toLowerCase();
  const [architecture, implied] = ARCHITECTURES[given] ?? [given];
  let variant = implied ?? (platform.variant ?? "").toLowerCase();
  if (architecture === "arm") variant = variant === "" ? "v7" : variant.replace(/^(?=\d)/, "v");
  if (architecture === "arm64") variant = variant.replace(/^(?=\d)/, "v").replace(/^v8(\.0)?$/, "");
  if (architecture === "amd64" && variant === "v1") variant = "";
  const { variant: _given, ...rest } = platform;
  return {
    ...rest,
    os: platform.os.toLowerCase(),
    architecture,
    ...(variant !== "" && { variant }),
  };
}

/**
 * What a machine runs, best first: its own variant, lesser ones, then the architecture that it can stand in for.
 * Source: containerd, platforms.Only.
 */
export function runnable(platform: Platform): readonly Platform[] {
  const { os, architecture, variant = "" } = normalizePlatform(platform);
  const level = Number(/^v(\d)$/.exec(variant)?.[1] ?? 0);
  const down = (of: string, from: number, to: number): Platform[] => {
    const found: Platform[] = [];
    for (let at = from; at >= to; at--)
      found.push(normalizePlatform({ os, architecture: of, variant: `v${at}` }));
    return found;
  };
  const own: Platform = { os, architecture, ...(variant !== "" && { variant }) };
  switch (architecture) {
    case "amd64":
      return [own, ...down("amd64", level - 1, 1), { os, architecture: "386" }];
    case "arm64":
      return [own, ...down("arm64", level - 1, 8), ...down("arm", 8, 5)];
    case "arm":
      return [own, ...down("arm", level - 1, 5)];
    default:
      return [own];
  }
}

/** Whether an image's own words fit; a variant that it does not say is taken to. Source: Docker, OnlyPlatformWithFallback. */
export function isRunnable(image: Platform, wanted: Platform): boolean {
  if (rankOf(image, runnable(wanted)) >= 0) return true;
  const [said, asked] = [normalizePlatform(image), normalizePlatform(wanted)];
  return (image.variant ?? "") === "" && said.os === asked.os && said.architecture === asked.architecture;
}

/** The place among `order` that `platform` has; -1 where it has none. */
export function rankOf(platform: Platform, order: readonly Platform[]): number {
  const { os, architecture, variant } = normalizePlatform(platform);
  return order.findIndex(
    (entry) => entry.os === os && entry.architecture === architecture && entry.variant === variant,
  );
}

/** "the image is for another machine": Docker's words, which clients answer with a pull. */
export const mismatchText = (name: string, image: Platform, wanted: Platform): string =>
  `image with reference ${name} was found but its platform (${platformText(image)}) does not match the specified platform (${platformText(wanted)})`;

/** Throws `not_found` when the image `name` is for another platform than the one wanted, if any is. */
export function refuseOtherPlatform(image: Platform, name: string, wanted: Platform | undefined): void {
  if (wanted !== undefined && !isRunnable(image, wanted))
    throw new LongshoreError("not_found", mismatchText(name, image, wanted));
}
