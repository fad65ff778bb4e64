/** What each kind of error means to whoever gets it. A kind without a line here doesn't compile. */
const MEANINGS = {
  unchanged: "it is so already; nothing was done",
  invalid: "the request can never succeed as it is",
  unauthorized: "credentials are missing or wrong",
  forbidden: "this may not be done to this object, by anybody",
  not_found: "there is no such object",
  conflict: "the object's state, or another's, is in the way",
  internal: "the engine failed; the text, or the log under the request's id, says why",
  unsupported: "this engine doesn't do that",
  unavailable: "something outside the engine is missing or doesn't answer; later may help",
} as const;

/** The kinds of errors with their HTTP status, as a Markdown page. */
export function errorsPage(statuses: Readonly<Record<keyof typeof MEANINGS, number>>): string {
  const kinds = (Object.keys(MEANINGS) as (keyof typeof MEANINGS)[]).toSorted(
    (a, b) => statuses[a] - statuses[b],
  );
  return [
    "# Errors",
    "",
    'Every failure has one of nine kinds. Over HTTP its body is `{"message": "..."}`; 304 has none. After the head is sent, an error goes into the',
    "stream as Docker does. Anything that is none of these is a bug and answers 500 with the request's id.",
    "",
    "| kind | status | meaning |",
    "|---|---|---|",
    ...kinds.map((kind) => `| ${kind} | ${statuses[kind]} | ${MEANINGS[kind]} |`),
    "",
  ].join("\n");
}
