import { createHash } from "node:crypto";
import { LongshoreError } from "#kernel";

declare const digestBrand: unique symbol;
/** `sha256:` and 64 lower-case hex digits. Source: OCI image spec, descriptor, digests. */
export type Digest = `sha256:${string}` & { readonly [digestBrand]: true };

const GRAMMAR = /^sha256:[0-9a-f]{64}$/;

/** Throws `invalid` for anything but a sha256 digest. */
export function parseDigest(text: string): Digest {
  if (!GRAMMAR.test(text))
    throw new LongshoreError(
      "invalid",
      `invalid digest format: ${JSON.stringify(text.slice(0, 100))}, want sha256: and 64 hex digits`,
    );
  return text as Digest;
}

export function isDigest(text: string): text is Digest {
  return GRAMMAR.test(text);
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;
}

/** The 64 hex digits. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

/** Chain id of `diffId` on top of `parent`. Source: OCI image spec, config, layer ChainID. */
export function chainIdOf(parent: Digest | undefined, diffId: Digest): Digest {
  return parent === undefined ? diffId : digestOf(`${parent} ${diffId}`);
}
