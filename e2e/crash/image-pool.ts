import { Readable } from "node:stream";
import type Docker from "dockerode";
import { dockerArchive, imageIdOf, type ImageRecipe } from "@longshore/testkit";

/** Images of which some share a layer, each with enough bytes that a kill finds the engine in the midst of them. */
export interface Pool {
  readonly recipes: readonly ImageRecipe[];
  readonly archive: Buffer;
}

export const POOL_SIZE = 8;
const LAYER_BYTES = 400_000;

export function makePool(random: () => number, prefix: string): Pool {
  const layer = (name: string): { name: string; data: Buffer }[] =>
    ["a", "b", "c"].map((file) => ({ name: `${name}-${file}`, data: noise(random, LAYER_BYTES) }));
  const shared = layer("shared");
  const recipes = Array.from({ length: POOL_SIZE }, (_, index) => ({
    reference: `${prefix}${index}:latest`,
    layers: index % 2 === 0 ? [shared, layer(`own-${index}`)] : [layer(`own-${index}`)],
  }));
  return { recipes, archive: dockerArchive(...recipes) };
}

/** Bytes that no compression makes smaller, for half of their length. */
function noise(random: () => number, bytes: number): Buffer {
  const data = Buffer.alloc(bytes);
  for (let at = 0; at < bytes / 2; at += 4) data.writeUInt32LE(Math.floor(random() * 2 ** 32), at);
  return data;
}

export const idsOf = (pool: Pool): readonly string[] => pool.recipes.map(imageIdOf);

export interface Message {
  readonly stream?: string;
  readonly status?: string;
  readonly error?: string;
  readonly aux?: { readonly Digest?: string };
}

/** Hands on each message of an answer as it comes; throws what the engine says went wrong, and when the answer is cut. */
export async function messagesOf(
  answer: NodeJS.ReadableStream,
  take: (message: Message) => void = () => {},
): Promise<void> {
  let rest = "";
  for await (const chunk of answer) {
    rest += String(chunk);
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim() === "") continue;
      const message = JSON.parse(line) as Message;
      if (message.error !== undefined) throw new Error(message.error);
      take(message);
    }
  }
  if (rest.trim() !== "") throw new Error(`the answer ends within a message: "${rest}"`);
}

/** Loads the archive; `loaded` hears each name as the engine says that it is there. */
export async function load(
  docker: Docker,
  archive: Buffer,
  loaded: (reference: string) => void = () => {},
): Promise<void> {
  const pieces = Array.from({ length: Math.ceil(archive.length / 65_536) }, (_, index) =>
    archive.subarray(index * 65_536, (index + 1) * 65_536),
  );
  await messagesOf(await docker.loadImage(Readable.from(pieces)), ({ stream }) => {
    const reference = /^Loaded image: (\S+)/.exec(stream ?? "")?.[1];
    if (reference !== undefined) loaded(reference);
  });
}
