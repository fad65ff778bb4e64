import { dockerArchive, type ImageRecipe, tarOf } from "@longshore/testkit";
import type { Layers } from "#layers";
import type { Registry } from "#registry";
import type { RecordedEvents } from "#testing/events";
import type { Images, Progress } from "./contract.ts";

/** A room under test with what it stands on. */
export interface ImagesUnderTest extends AsyncDisposable {
  readonly images: Images;
  readonly layers: Layers;
  readonly registry: Registry;
  readonly events: RecordedEvents;
  /** Where names of a registry without repositories begin: its domain, with a path or without. */
  readonly host: string;
}

export const here: string = process.arch === "arm64" ? "arm64" : "amd64";
export const never: AbortSignal = new AbortController().signal;
export const quiet = (): void => {};
export const usual = { isForced: false, isPruningParents: true };
export const forced = { isForced: true, isPruningParents: true };

export async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
export const layer = (name: string, data: string | Buffer = name): Buffer => tarOf([{ name, data }]);
export const recipe = (reference: string, ...layers: readonly Buffer[]): ImageRecipe => ({
  reference,
  layers,
});
export const short = (id: string): string => id.slice("sha256:".length, "sha256:".length + 12);

export async function load(images: Images, ...recipes: readonly ImageRecipe[]): Promise<readonly string[]> {
  const lines: string[] = [];
  const say = ({ stream }: Progress): void => void (stream !== undefined && lines.push(stream));
  await images.load(once(dockerArchive(...recipes)), {}, say, never);
  return lines;
}

/** What is left of everything: blobs, layers and images. */
export async function rest({ images, layers }: ImagesUnderTest): Promise<readonly string[]> {
  const blobs = (await Array.fromAsync(layers.blobs.list())).map(({ digest }) => digest);
  return [
    ...blobs,
    ...[...layers.list()].map(({ chainId }) => chainId),
    ...images.list().map(({ id }) => id),
  ];
}

export const told = ({ events }: ImagesUnderTest): readonly string[] =>
  events.published.map(({ action, attributes }) => `${action} ${attributes["name"]}`);
