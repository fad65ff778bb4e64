import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isKind } from "#kernel";
import { parseQuery, parseResponse, readName, writeAnswer, writeName, type Query } from "./message.ts";

const header = (questions = 1): number[] => [0x12, 0x34, 1, 0, 0, questions, 0, 0, 0, 0, 0, 0];
const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 8 }).map((labels) => labels.join("."));

/** Bytes that begin like a message, so that parsers get deep into them. */
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc
    .tuple(
      fc.constantFrom(0x01, 0x81),
      fc.array(fc.constantFrom(0, 1, 2, 255), { minLength: 4, maxLength: 4 }),
      fc.array(fc.oneof(fc.constantFrom(0, 0xc0, 12, 0xff, 1, 63, 64), fc.integer({ min: 0, max: 255 })), {
        maxLength: 300,
      }),
    )
    .map(([flags, counts, rest]) =>
      Uint8Array.from([1, 2, flags, 0, ...counts.flatMap((count) => [0, count]), ...rest]),
    ),
);

const onlyInvalid = (parse: (bytes: Buffer) => unknown) => (bytes: Uint8Array) => {
  try {
    parse(Buffer.from(bytes));
  } catch (error) {
    expect(isKind(error, "invalid"), String(error)).toBe(true);
  }
};

describe("DNS messages", () => {
  test("parseQuery() and parseResponse() throw nothing but invalid", () => {
    fc.assert(fc.property(hostile, onlyInvalid(parseQuery)), { numRuns: 3000 });
    fc.assert(fc.property(hostile, onlyInvalid(parseResponse)), { numRuns: 3000 });
  });

  test("readName() reads what writeName() wrote", () => {
    fc.assert(
      fc.property(name, (text) => {
        expect(readName(writeName(text), 0)).toEqual({ name: text, end: text.length + 2 });
      }),
    );
  });

  test("writeAnswer() stays within the limit and is read again", () => {
    fc.assert(
      fc.property(name, fc.integer({ min: 0, max: 60 }), fc.boolean(), (text, count, hasEdns) => {
        const question = Buffer.concat([writeName(text), Buffer.from([0, 1, 0, 1])]);
        const option = hasEdns ? [0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0] : [];
        const bytes = Buffer.concat([Buffer.from(header()), question, Buffer.from(option)]);
        if (hasEdns) bytes[11] = 1;
        const query: Query = parseQuery(bytes);
        const records = Array.from({ length: count }, (_, at) => ({
          type: 1,
          ttl: 5,
          data: Buffer.of(10, 0, 0, at),
        }));
        const answer = writeAnswer(query, 0, records, 512);
        expect(answer.length).toBeLessThanOrEqual(512);
        const response = parseResponse(answer);
        expect(response.question).toEqual(query.question);
        const answers = response.records.filter((record) => record.section === "answer");
        expect(response.isTruncated).toBe(answers.length < count);
      }),
    );
  });

  test.for([
    ["a pointer to itself", [...header(), 0xc0, 12, 0, 1, 0, 1]],
    ["a pointer forward", [...header(), 0xc0, 20, 0, 1, 0, 1, 0, 0, 0]],
    ["two pointers at each other", [...header(), 1, 97, 0xc0, 12, 0xc0, 12, 0, 1, 0, 1]],
    ["no question", header(0)],
    ["two questions", [...header(2), 0, 0, 1, 0, 1, 0, 0, 1, 0, 1]],
    ["a label past the end", [...header(), 40, 97]],
    [
      "a name of more than 255 bytes",
      [
        ...header(),
        ...Array<number[]>(5)
          .fill([63, ...Array<number>(63).fill(97)])
          .flat(),
        0,
        0,
        1,
        0,
        1,
      ],
    ],
  ] as const)("parseQuery() refuses %s", ([, bytes]) => {
    expect(() => parseQuery(Buffer.from(bytes))).toThrow(/malformed DNS message/);
  });
});
