import { LongshoreError } from "#kernel";
import type { Digest } from "#spec";
import type { HttpLimits, HttpRequest, HttpResponse } from "./http-client.ts";

const RETRIES = 5;

/** What is uploaded; `open` gives the bytes from an offset on, again and again. */
export interface UploadSource {
  readonly digest: Digest;
  readonly sizeBytes: number;
  open(fromByte: number): AsyncIterable<Uint8Array>;
}

/** How an upload speaks to its repository. */
export interface UploadWire {
  readonly limits: HttpLimits;
  begin(signal: AbortSignal): Promise<HttpResponse>;
  at(
    request: Pick<HttpRequest, "method" | "headers" | "body">,
    location: string,
    signal: AbortSignal,
  ): Promise<HttpResponse>;
  /** Throws unless the answer has the wanted status. */
  refuse(response: HttpResponse, wanted: number, signal: AbortSignal): Promise<void>;
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

/** An upload that the registry holds: where the next bytes go, and how many it has. */
interface Session {
  readonly location: string;
  readonly offset: number;
}

/**
 * Uploads a blob: whole when it is small or the registry takes no chunks, in chunks otherwise.
 * After a cut it goes on from what the registry says it has, else anew. Source: OCI distribution spec 1.1, pushing blobs.
 */
export async function uploadBlob(wire: UploadWire, source: UploadSource, signal: AbortSignal): Promise<void> {
  let isWhole = source.sizeBytes <= wire.limits.chunkBytes;
  let session: Session | undefined;
  let best = 0;
  for (let failures = 0; ;) {
    try {
      session ??= await begin(wire, signal);
      if (isWhole) return await sendWhole(wire, source, session, signal);
      while (session.offset < source.sizeBytes) {
        const next: Session | undefined = await sendChunk(wire, source, session, signal);
        if (next === undefined) break;
        session = next;
      }
      if (session.offset >= source.sizeBytes) return await finish(wire, source, session, signal);
      await giveUp(wire, session, signal);
      session = undefined;
      isWhole = true;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof LongshoreError && error.kind !== "unavailable") throw error;
      if ((session?.offset ?? 0) > best) failures = 0;
      best = Math.max(best, session?.offset ?? 0);
      if (++failures > RETRIES) throw error;
      await wire.pause(wire.limits.firstPauseMs * 2 ** (failures - 1), signal);
      session = session === undefined || isWhole ? undefined : await resume(wire, session, signal);
    }
  }
}

async function begin(wire: UploadWire, signal: AbortSignal): Promise<Session> {
  const begun = await wire.begin(signal);
  await wire.refuse(begun, 202, signal);
  await begun.drop();
  return { location: locationOf(begun), offset: 0 };
}

async function sendWhole(
  wire: UploadWire,
  source: UploadSource,
  session: Session,
  signal: AbortSignal,
): Promise<void> {
  const put = await wire.at(
    {
      method: "PUT",
      headers: { "content-type": "application/octet-stream", "content-length": String(source.sizeBytes) },
      body: () => source.open(0),
    },
    withDigest(session.location, source.digest),
    signal,
  );
  await wire.refuse(put, 201, signal);
  await put.drop();
}

/** The session after the next chunk; undefined when this registry wants the blob whole. */
async function sendChunk(
  wire: UploadWire,
  source: UploadSource,
  { location, offset }: Session,
  signal: AbortSignal,
): Promise<Session | undefined> {
  const length = Math.min(wire.limits.chunkBytes, source.sizeBytes - offset);
  const patch = await wire.at(
    {
      method: "PATCH",
      headers: {
        "content-type": "application/octet-stream",
        "content-length": String(length),
        "content-range": `${offset}-${offset + length - 1}`,
      },
      body: () => firstBytes(source.open(offset), length),
    },
    location,
    signal,
  );
  if (offset === 0 && [400, 404, 405, 411, 415, 501].includes(patch.status)) {
    await patch.drop();
    return undefined;
  }
  if (patch.status === 416) {
    await patch.drop();
    throw new LongshoreError("unavailable", `registry has other bytes of ${source.digest} than ${offset}`);
  }
  await wire.refuse(patch, 202, signal);
  await patch.drop();
  return { location: locationOf(patch), offset: offset + length };
}

async function finish(
  wire: UploadWire,
  source: UploadSource,
  session: Session,
  signal: AbortSignal,
): Promise<void> {
  const put = await wire.at(
    { method: "PUT", headers: { "content-length": "0" } },
    withDigest(session.location, source.digest),
    signal,
  );
  await wire.refuse(put, 201, signal);
  await put.drop();
}

/** What the registry has of a cut upload; undefined when it knows nothing of it. */
async function resume(wire: UploadWire, session: Session, signal: AbortSignal): Promise<Session | undefined> {
  try {
    const asked = await wire.at({ method: "GET" }, session.location, signal);
    await asked.drop();
    const last = /^(?:bytes=)?0-(\d+)$/.exec(String(asked.headers["range"] ?? ""))?.[1];
    if (asked.status !== 204 || last === undefined) return undefined;
    // "0-0" is nothing or one byte: of nothing nothing is lost.
    const offset = Number(last) === 0 ? 0 : Number(last) + 1;
    const location = asked.headers["location"];
    return { location: typeof location === "string" ? absolute(location, asked) : session.location, offset };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LongshoreError && error.kind === "unavailable") return undefined;
    throw error;
  }
}

async function giveUp(wire: UploadWire, session: Session, signal: AbortSignal): Promise<void> {
  try {
    await (await wire.at({ method: "DELETE" }, session.location, signal)).drop();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LongshoreError) || error.kind !== "unavailable") throw error;
  }
}

async function* firstBytes(source: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const chunk of source) {
    yield chunk.byteLength > left ? chunk.subarray(0, left) : chunk;
    left -= chunk.byteLength;
    if (left <= 0) return;
  }
}

function locationOf(response: HttpResponse): string {
  const location = response.headers["location"];
  if (typeof location !== "string")
    throw new LongshoreError("unavailable", "registry began an upload without naming its location");
  return absolute(location, response);
}

function absolute(location: string, response: HttpResponse): string {
  if (!URL.canParse(location, response.url))
    throw new LongshoreError(
      "unavailable",
      `registry names the upload ${JSON.stringify(location)}, want a URL`,
    );
  return new URL(location, response.url).href;
}

function withDigest(location: string, digest: Digest): string {
  const target = new URL(location);
  target.searchParams.set("digest", digest);
  return target.href;
}
