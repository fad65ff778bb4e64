import { expect, test } from "vitest";
import type { LayerRecord } from "#layers";
import { type Digest, digestOf } from "#spec";
import { costOfImage } from "./cost.ts";

const [base, top, lone] = [digestOf("base"), digestOf("top"), digestOf("lone")];
const layers = {
  layer: (chainId: Digest): LayerRecord => ({
    chainId,
    diffId: chainId,
    sizeBytes: 1000,
    createdAt: "",
    blob: { digest: chainId, sizeBytes: chainId === top ? 30 : 400, mediaType: "" },
  }),
};
const other = { id: lone, chain: [base] };

test("costOfImage() asks for the archives that no other image has", () => {
  const image = { id: top, chain: [base, top], repoDigests: [`r/a@${top}`] };
  expect(costOfImage(image, [image, other], layers)).toEqual({
    kind: "pull",
    reference: `r/a@${top}`,
    downloadBytes: 30,
  });
  expect(costOfImage(image, [image], layers)).toMatchObject({ downloadBytes: 430 });
});

test("costOfImage() of an image that no registry has is lost", () => {
  expect(costOfImage({ id: top, chain: [top], repoDigests: [] }, [], layers)).toEqual({ kind: "lost" });
});
