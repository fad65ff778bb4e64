import fc from "fast-check";
import { expect, test } from "vitest";
import { isKind } from "#kernel";
import { fuzzed } from "@longshore/testkit";
import { familiar, familiarName, parseReference, type Reference } from "./reference.ts";

/** The grammar as one anchored expression. Source: distribution reference grammar; digests as this engine takes them. */
const COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const GRAMMAR = new RegExp(
  `^(?<domain>(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?)/(?<path>${COMPONENT}(?:/${COMPONENT})*)` +
    "(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$",
);

/** Docker's way: normalise the text, then match it whole. Undefined = refused. */
function dockersReading(text: string): Reference | undefined {
  if (/^[0-9a-f]{64}$/.test(text)) return undefined;
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  const isDefault =
    slash < 0 || (!/[.:]/.test(first) && first !== "localhost" && first === first.toLowerCase());
  let domain = isDefault ? "docker.io" : first;
  let rest = isDefault ? text : text.slice(slash + 1);
  if (domain === "index.docker.io") domain = "docker.io";
  if (domain === "docker.io" && !rest.includes("/")) rest = `library/${rest}`;
  const groups = GRAMMAR.exec(`${domain}/${rest}`)?.groups;
  if (groups === undefined) return undefined;
  return {
    domain: groups["domain"] ?? "",
    path: groups["path"] ?? "",
    ...(groups["tag"] !== undefined && { tag: groups["tag"] }),
    ...(groups["digest"] !== undefined && { digest: groups["digest"] as Reference["digest"] & string }),
  };
}

const digest = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`);
const piece = fc.oneof(
  fc.stringMatching(/^[a-z0-9]{1,6}$/),
  fc.constantFrom(
    "localhost",
    "docker.io",
    "index.docker.io",
    "library",
    "a.b",
    "[::1]",
    "A",
    "x__y",
    "x--y",
    "x..y",
    "x_-y",
  ),
);
const mark = fc.constantFrom("/", ":", "@", "//", ".", "-", "_", "", ":5000/", ":latest", "@sha256:", " ");
/** Texts near the grammar's edges. */
const reference = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.array(fc.tuple(piece, mark), { minLength: 1, maxLength: 5 }).map((parts) => parts.flat().join("")),
  fc
    .tuple(fc.array(piece, { minLength: 1, maxLength: 4 }), fc.option(piece), fc.option(digest))
    .map(
      ([path, tag, digestText]) =>
        path.join("/") + (tag === null ? "" : `:${tag}`) + (digestText === null ? "" : `@${digestText}`),
    ),
);

function parsed(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    expect(isKind(error, "invalid"), String(error)).toBe(true);
    return undefined;
  }
}

test("parseReference() takes what the grammar takes, and reads the same in it", () => {
  fc.assert(
    fc.property(reference, (text) => {
      expect(parsed(text)).toEqual(dockersReading(text));
    }),
    fuzzed(20_000),
  );
});

test("familiar() is read back as the same reference, and its name as the same repository", () => {
  fc.assert(
    fc.property(reference, (text) => {
      const value = parsed(text);
      fc.pre(value !== undefined);
      if (value === undefined) return;
      expect(parseReference(familiar(value))).toEqual(value);
      expect(parseReference(familiarName(value))).toEqual({ domain: value.domain, path: value.path });
    }),
    fuzzed(10_000),
  );
});
