import { LongshoreError } from "#kernel";
import type { Call } from "../server/call.ts";
import { parseFilters } from "../server/query.ts";
import { authOf } from "../wire/registry-auth.ts";
import type { Rooms } from "./rooms.ts";

/** GET /images/search. Source: Docker Engine API, ImageSearch. */
export async function searchImages(rooms: Rooms, call: Call): Promise<void> {
  const filters = parseFilters(call.query, ["is-automated", "is-official", "stars"]);
  const isOfficial = booleanFilter("is-official", filters.get("is-official"));
  const isAutomated = booleanFilter("is-automated", filters.get("is-automated"));
  let leastStars = 0;
  for (const value of filters.get("stars") ?? []) {
    if (!/^[+-]?\d{1,15}$/.test(value)) throw invalidFilter("stars", value);
    leastStars = Math.max(leastStars, Number(value));
  }
  const found =
    // Nothing is built by Docker Hub itself any more: that filter finds nothing.
    isAutomated === true
      ? []
      : await rooms.images.search(call.query.get("term") ?? "", limitOf(call), authOf(call), call.signal);
  call.reply(
    200,
    found
      .filter((hit) => hit.stars >= leastStars && (isOfficial === undefined || hit.isOfficial === isOfficial))
      .map((hit) => ({
        star_count: hit.stars,
        is_official: hit.isOfficial,
        name: hit.name,
        is_automated: false,
        description: hit.description,
      })),
  );
}

function limitOf(call: Call): number | undefined {
  const text = call.query.get("limit") ?? "";
  if (text === "") return undefined;
  if (!/^[+-]?\d{1,15}$/.test(text))
    throw new LongshoreError(
      "invalid",
      `invalid limit specified: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

/** Docker knows true, 1, false and 0 here, and refuses both at once. */
function booleanFilter(name: string, values: readonly string[] = []): boolean | undefined {
  const isTrue = values.some((value) => value === "true" || value === "1");
  const isFalse = values.some((value) => value === "false" || value === "0");
  if (values.length > 0 && isTrue === isFalse) throw invalidFilter(name, values.join(" "));
  return values.length === 0 ? undefined : isTrue;
}

const invalidFilter = (name: string, value: string): LongshoreError =>
  new LongshoreError("invalid", `invalid filter '${name}=[${value}]'`);
