import { RCODE, TYPE, type Response } from "./message.ts";

interface Kept {
  readonly bytes: Buffer;
  readonly ttlOffsets: readonly number[];
  readonly keptAtMs: number;
  readonly endsAtMs: number;
}

const TTL_MAX_S = 300;
const NEGATIVE_TTL_MAX_S = 30;

/** Responses of other servers for as long as they may be kept; the oldest goes when it is full. */
export class ResponseCache {
  readonly #limitBytes: number;
  readonly #kept = new Map<string, Kept>();
  #sizeBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** A copy with the client's id and the time that is left; undefined when there is none. */
  find(key: string, id: number, nowMs: number): Buffer | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (nowMs >= kept.endsAtMs) {
      this.#drop(key, kept);
      return undefined;
    }
    const copy = Buffer.from(kept.bytes);
    copy.writeUInt16BE(id, 0);
    const ageS = Math.floor((nowMs - kept.keptAtMs) / 1000);
    for (const offset of kept.ttlOffsets)
      copy.writeUInt32BE(Math.max(0, copy.readUInt32BE(offset) - ageS), offset);
    return copy;
  }

  /** Keeps what may be kept: whole answers, and "no such name" when the zone says for how long. */
  keep(key: string, bytes: Buffer, response: Response, nowMs: number): void {
    if (response.isTruncated) return;
    const records = response.records.filter((record) => record.type !== TYPE.OPT);
    const answers = records.filter((record) => record.section === "answer");
    let ttl: number;
    if (response.rcode === RCODE.ok && answers.length > 0)
      ttl = Math.min(TTL_MAX_S, ...answers.map((record) => record.ttl));
    else if (response.rcode === RCODE.ok || response.rcode === RCODE.noName) {
      const negative = records.find((record) => record.negativeTtl !== undefined)?.negativeTtl;
      if (negative === undefined) return;
      ttl = Math.min(NEGATIVE_TTL_MAX_S, negative);
    } else return;
    if (ttl === 0 || bytes.length > this.#limitBytes) return;
    const before = this.#kept.get(key);
    if (before !== undefined) this.#drop(key, before);
    const kept = {
      bytes: Buffer.from(bytes),
      ttlOffsets: records.map((record) => record.ttlOffset),
      keptAtMs: nowMs,
      endsAtMs: nowMs + ttl * 1000,
    };
    this.#kept.set(key, kept);
    this.#sizeBytes += costOf(key, kept);
    for (const [oldest, one] of this.#kept) {
      if (this.#sizeBytes <= this.#limitBytes) break;
      this.#drop(oldest, one);
    }
  }

  #drop(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#sizeBytes -= costOf(key, kept);
  }
}

const costOf = (key: string, kept: Kept): number => key.length * 2 + kept.bytes.length + 128;
