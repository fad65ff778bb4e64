import { expect, test } from "vitest";
import { digestOf, type Descriptor, type Platform } from "#spec";
import { choosePlatform, refuseForeign } from "./manifest.ts";
import { isRunnable, platformText } from "#spec";

const platformOf = (text: string): Platform => {
  const [os = "", architecture = "", variant] = text.split("/");
  return { os, architecture, ...(variant !== undefined && { variant }) };
};
const entry = (text: string, annotations?: Readonly<Record<string, string>>): Descriptor => ({
  mediaType: "x",
  size: 1,
  digest: digestOf(text),
  ...(text !== "" && { platform: platformOf(text) }),
  ...(annotations !== undefined && { annotations }),
});
const chosen = (entries: readonly string[], wanted: string): string | undefined => {
  const digest = choosePlatform(
    entries.map((text) => entry(text)),
    platformOf(wanted),
  );
  return entries.find((text) => digestOf(text) === digest);
};

test.each([
  ["linux/arm/v6", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"], "linux/arm/v6"],
  ["linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], "linux/arm/v6"],
  ["linux/arm", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"],
  ["linux/armel", ["linux/arm/v7", "linux/arm/v6"], "linux/arm/v6"],
  ["linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], "linux/arm64/v8"],
  ["linux/arm64/v8", ["linux/arm64"], "linux/arm64"],
  ["linux/arm64", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"],
  ["linux/amd64", ["linux/386", "linux/amd64"], "linux/amd64"],
  ["linux/amd64", ["linux/amd64/v2", "linux/386"], "linux/386"],
  ["linux/amd64/v3", ["linux/amd64", "linux/amd64/v4", "linux/amd64/v2"], "linux/amd64/v2"],
  ["linux/x86_64", ["linux/amd64/v1"], "linux/amd64/v1"],
  ["linux/amd64", ["", "linux/amd64"], "linux/amd64"],
  ["linux/amd64", ["linux/s390x", ""], ""],
  ["linux/riscv64", ["linux/riscv64", "linux/riscv64"], "linux/riscv64"],
])("choosePlatform() for %s from %j takes %s", (wanted, entries, expected) => {
  expect(chosen(entries, wanted)).toBe(expected);
});

test.each([
  ["linux/arm/v6", ["linux/arm/v7", "linux/arm64"]],
  ["linux/amd64", ["windows/amd64", "linux/amd64/v3", "linux/arm64"]],
  ["linux/386", ["linux/amd64"]],
])("choosePlatform() says in Docker's words that none is for %s in %j", (wanted, entries) => {
  expect(() => chosen(entries, wanted)).toThrow(
    expect.objectContaining({
      kind: "not_found",
      message: `no matching manifest for ${wanted} in the manifest list entries`,
    }),
  );
});

test("choosePlatform() passes attestations by, whatever platform they name", () => {
  const attestation = entry("linux/amd64", { "vnd.docker.reference.type": "attestation-manifest" });
  const unknown = entry("unknown/unknown");
  const real = { ...entry("linux/amd64"), digest: digestOf("real") };
  expect(choosePlatform([attestation, unknown, real], platformOf("linux/amd64"))).toBe(digestOf("real"));
  expect(() => choosePlatform([attestation, unknown], platformOf("linux/amd64"))).toThrow(/no matching/);
});

test("refuseForeign() names the layer that registries do not give out, and what is no image", () => {
  const config = { ...entry("config"), mediaType: "application/vnd.oci.image.config.v1+json" };
  const layer = (mediaType: string): Descriptor => ({ ...entry("layer"), mediaType });
  const ordinary = layer("application/vnd.oci.image.layer.v1.tar+zstd");
  expect(() => refuseForeign({ schemaVersion: 2, config, layers: [ordinary] }, "a:1")).not.toThrow();
  for (const mediaType of [
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  ])
    expect(() =>
      refuseForeign({ schemaVersion: 2, config, layers: [ordinary, layer(mediaType)] }, "a:1"),
    ).toThrow(
      expect.objectContaining({
        kind: "unsupported",
        message: `layer ${digestOf("layer")} of a:1 is a foreign layer (${mediaType}): its content is not in the registry`,
      }),
    );
  const helm = { ...config, mediaType: "application/vnd.cncf.helm.config.v1+json" };
  expect(() => refuseForeign({ schemaVersion: 2, config: helm, layers: [] }, "a:1")).toThrow(
    'Encountered remote "application/vnd.cncf.helm.config.v1+json"(unknown) when fetching',
  );
});

test("isRunnable() and platformText() go by the same names", () => {
  expect(isRunnable(platformOf("linux/arm64"), platformOf("linux/amd64"))).toBe(false);
  expect(isRunnable(platformOf("linux/386"), platformOf("linux/amd64"))).toBe(true);
  for (const [image, wanted] of [
    ["linux/arm64", "linux/arm64/v8"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/amd64", "linux/x86_64"],
    ["linux/amd64", "linux/amd64/v3"],
    ["linux/arm/v6", "linux/arm/v7"],
    // A config that says no variant is taken for each: few builders wrote one.
    ["linux/arm", "linux/arm/v6"],
  ] as const)
    expect(isRunnable(platformOf(image), platformOf(wanted)), `${image} on ${wanted}`).toBe(true);
  expect(isRunnable(platformOf("linux/arm/v7"), platformOf("linux/arm/v6"))).toBe(false);
  expect(platformText({ os: "linux", architecture: "arm", variant: "v6" })).toBe("linux/arm/v6");
  expect(platformText({ os: "linux", architecture: "amd64", variant: "" })).toBe("linux/amd64");
});
