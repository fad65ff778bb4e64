import { LongshoreError } from "#kernel";

/** DNS messages as bytes. Source: RFC 1035 section 4, RFC 6891 (EDNS). Everything that comes in is hostile. */

export const TYPE = { A: 1, NS: 2, SOA: 6, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
export const CLASS_IN = 1;
export const RCODE = {
  ok: 0,
  formatError: 1,
  serverFailure: 2,
  noName: 3,
  notImplemented: 4,
  refused: 5,
} as const;

const HEADER_BYTES = 12;
const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;

export interface Question {
  /** Lower case, without the final dot; the root is "". Bytes beyond printable ASCII stay one character each. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}
export interface Query {
  readonly id: number;
  readonly opcode: number;
  readonly isRecursionDesired: boolean;
  readonly question: Question;
  /** The question as the client wrote it: its letters' case is part of the answer. */
  readonly questionBytes: Buffer;
  /** Largest UDP answer that the client takes; undefined without EDNS. */
  readonly udpBytes: number | undefined;
}
export interface ResponseRecord {
  readonly type: number;
  readonly ttl: number;
  /** Where in the message the TTL stands. */
  readonly ttlOffset: number;
  readonly section: "answer" | "authority" | "additional";
  /** For SOA: the time that a "no such name" may be kept. */
  readonly negativeTtl?: number;
}
export interface Response {
  readonly id: number;
  readonly rcode: number;
  readonly isTruncated: boolean;
  readonly question: Question | undefined;
  readonly records: readonly ResponseRecord[];
}

const malformed = (what: string): LongshoreError =>
  new LongshoreError("invalid", `malformed DNS message: ${what}`);

/** Reads a name at `offset`; `end` is where the reader goes on. Pointers lead backwards only, so that reading ends. */
export function readName(bytes: Buffer, offset: number): { name: string; end: number } {
  const labels: string[] = [];
  let size = 1;
  let at = offset;
  let end: number | undefined;
  let barrier = offset;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) throw malformed("a name runs past the end");
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) throw malformed("a pointer runs past the end");
      end ??= at + 2;
      const target = ((length & 0x3f) << 8) | low;
      if (target >= barrier) throw malformed("a pointer that doesn't lead back");
      barrier = target;
      at = target;
      continue;
    }
    if (length > LABEL_BYTES_MAX) throw malformed("an unknown kind of label");
    if (length === 0) return { name: labels.join(".").toLowerCase(), end: end ?? at + 1 };
    size += length + 1;
    if (size > NAME_BYTES_MAX) throw malformed("a name of more than 255 bytes");
    if (at + 1 + length > bytes.length) throw malformed("a label runs past the end");
    const label = bytes.toString("latin1", at + 1, at + 1 + length);
    // A dot inside a label would read as two labels: our names have none such, so it must not match one.
    labels.push(label.replaceAll(".", "\\."));
    at += 1 + length;
  }
}

/** Writes a name without compression. Throws `invalid` when it is no name. */
export function writeName(name: string): Buffer {
  if (name === "") return Buffer.of(0);
  const parts = name.split(".").map((label) => {
    const bytes = Buffer.from(label, "latin1");
    if (bytes.length === 0 || bytes.length > LABEL_BYTES_MAX) throw malformed(`the label "${label}"`);
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  });
  const out = Buffer.concat([...parts, Buffer.of(0)]);
  if (out.length > NAME_BYTES_MAX) throw malformed("a name of more than 255 bytes");
  return out;
}

function readQuestion(bytes: Buffer, offset: number): { question: Question; end: number } {
  const { name, end } = readName(bytes, offset);
  if (end + 4 > bytes.length) throw malformed("a question runs past the end");
  return {
    question: { name, type: bytes.readUInt16BE(end), class: bytes.readUInt16BE(end + 2) },
    end: end + 4,
  };
}

interface RawRecord {
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly ttlOffset: number;
  readonly dataOffset: number;
  readonly end: number;
}
function readRecord(bytes: Buffer, offset: number): RawRecord {
  const { end: at } = readName(bytes, offset);
  if (at + 10 > bytes.length) throw malformed("a record runs past the end");
  const end = at + 10 + bytes.readUInt16BE(at + 8);
  if (end > bytes.length) throw malformed("a record's data runs past the end");
  return {
    type: bytes.readUInt16BE(at),
    class: bytes.readUInt16BE(at + 2),
    ttl: bytes.readUInt32BE(at + 4),
    ttlOffset: at + 4,
    dataOffset: at + 10,
    end,
  };
}

/** Reads a client's query. Throws `invalid`: too short, a response, not exactly one question. */
export function parseQuery(bytes: Buffer): Query {
  if (bytes.length < HEADER_BYTES) throw malformed("shorter than its header");
  const flags = bytes.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) !== 0) throw malformed("a response where a query was due");
  if (bytes.readUInt16BE(4) !== 1) throw malformed("not exactly one question");
  const { question, end } = readQuestion(bytes, HEADER_BYTES);
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  let udpBytes: number | undefined;
  let at = end;
  for (let count = 0; count < records; count++) {
    const record = readRecord(bytes, at);
    if (record.type === TYPE.OPT) udpBytes = Math.max(512, record.class);
    at = record.end;
  }
  return {
    id: bytes.readUInt16BE(0),
    opcode: (flags >> 11) & 15,
    isRecursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
    question,
    questionBytes: bytes.subarray(HEADER_BYTES, end),
    udpBytes,
  };
}

/** Reads a server's response as far as we use it. Throws `invalid`. */
export function parseResponse(bytes: Buffer): Response {
  if (bytes.length < HEADER_BYTES) throw malformed("shorter than its header");
  const flags = bytes.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) === 0) throw malformed("a query where a response was due");
  const questions = bytes.readUInt16BE(4);
  if (questions > 1) throw malformed("more than one question");
  let at = HEADER_BYTES;
  let question: Question | undefined;
  if (questions === 1) ({ question, end: at } = readQuestion(bytes, at));
  const records: ResponseRecord[] = [];
  for (const [section, offset] of [
    ["answer", 6],
    ["authority", 8],
    ["additional", 10],
  ] as const) {
    for (let left = bytes.readUInt16BE(offset); left > 0; left--) {
      const { type, ttl, ttlOffset, dataOffset, end } = readRecord(bytes, at);
      const isSoa = type === TYPE.SOA && end - dataOffset >= 22;
      records.push({
        type,
        ttl,
        ttlOffset,
        section,
        ...(isSoa && { negativeTtl: Math.min(ttl, bytes.readUInt32BE(end - 4)) }),
      });
      at = end;
    }
  }
  return {
    id: bytes.readUInt16BE(0),
    rcode: flags & 15,
    isTruncated: (flags & FLAG_TRUNCATED) !== 0,
    question,
    records,
  };
}

/** One record of our own answers; its name is the question's. */
export interface AnswerRecord {
  readonly type: number;
  readonly ttl: number;
  readonly data: Buffer;
}

/** Writes our answer to `query`; what doesn't fit into `limitBytes` is left out and the answer marked as cut. */
export function writeAnswer(
  query: Query,
  rcode: number,
  answers: readonly AnswerRecord[],
  limitBytes: number,
): Buffer {
  const POINTER_TO_QUESTION = 0xc00c;
  const option =
    query.udpBytes === undefined ? Buffer.alloc(0) : Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
  let left = limitBytes - HEADER_BYTES - query.questionBytes.length - option.length;
  const records: Buffer[] = [];
  for (const { type, ttl, data } of answers) {
    const record = Buffer.alloc(12 + data.length);
    record.writeUInt16BE(POINTER_TO_QUESTION, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(CLASS_IN, 4);
    record.writeUInt32BE(ttl, 6);
    record.writeUInt16BE(data.length, 10);
    record.set(data, 12);
    left -= record.length;
    if (left < 0) break;
    records.push(record);
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.id, 0);
  const flags =
    FLAG_RESPONSE |
    (query.opcode << 11) |
    (rcode === RCODE.ok || rcode === RCODE.noName ? FLAG_AUTHORITATIVE : 0) |
    (records.length < answers.length ? FLAG_TRUNCATED : 0) |
    (query.isRecursionDesired ? FLAG_RECURSION_DESIRED : 0) |
    FLAG_RECURSION_AVAILABLE |
    rcode;
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt16BE(option.length > 0 ? 1 : 0, 10);
  return Buffer.concat([header, query.questionBytes, ...records, option]);
}

/** A response that is too large for UDP, cut to header and question: the client asks again by TCP. */
export function cutToQuestion(response: Buffer, questionBytes: Buffer): Buffer {
  const header = Buffer.from(response.subarray(0, HEADER_BYTES));
  header.writeUInt16BE(header.readUInt16BE(2) | FLAG_TRUNCATED, 2);
  header.fill(0, 4);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, questionBytes]);
}

/** The address that a reverse name asks for, or undefined when it is none. */
export function reverseAddress(name: string): string | undefined {
  const ipv4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (ipv4) return ipv4.slice(1, 5).toReversed().join(".");
  const ipv6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (ipv6 === undefined) return undefined;
  const groups = ipv6.replaceAll(".", "").split("").toReversed().join("").match(/.{4}/g) ?? [];
  return groups.map((group) => group.replace(/^0{1,3}/, "")).join(":");
}
