import { LongshoreError } from "#kernel";
import type { NftElement, NftPart } from "../contract.ts";
import { NetworkCallError } from "../linux/network-thread.ts";

interface Table {
  /** Set or map -> key -> value, both in nft's own words; a set's values are undefined. */
  readonly sets: Map<string, Map<string, string | undefined>>;
  readonly chains: Map<string, string>;
}
interface Statement {
  readonly head: string;
  /** What stands between its braces. */
  readonly body?: string;
}

const refuse = (code: string, what: string): Error => new NetworkCallError(`${code}: ${what}`, code);
const nftRefusal = (why: string): LongshoreError => new LongshoreError("internal", `nft: ${why}`);

/**
 * nftables without rules at work: tables, sets and maps with their elements, chains as text. It reads of nft's language what whole tables
 * with named sets need, and refuses the rest, rules that name a set which is not there among it.
 */
export class FakeTables {
  #tables = new Map<string, Table>();

  /** Keys of a set, or `key : value` of a map, sorted; undefined without such a set. `table` is "FAMILY NAME". */
  elements(table: string, set: string): readonly string[] | undefined {
    const found = this.#tables.get(table)?.sets.get(set);
    return (
      found && [...found].map(([key, value]) => (value === undefined ? key : `${key} : ${value}`)).sort()
    );
  }

  load(script: string): void {
    const tables = structuredClone(this.#tables);
    for (const { head, body } of statementsOf(script)) {
      const [verb = "", ...rest] = head.split(/\s+/);
      if (verb === "delete" && rest[0] === "table" && body === undefined) {
        if (!tables.delete(rest.slice(1).join(" "))) throw nftRefusal(`No such file or directory: ${head}`);
      } else if (verb === "table" && rest.length === 2 && body !== undefined)
        fill(tables, rest.join(" "), body);
      else throw nftRefusal(`syntax error: ${head}`);
    }
    this.#tables = tables;
  }

  change(name: string, add: readonly NftElement[], remove: readonly NftElement[]): void {
    if (add.length === 0 && remove.length === 0) return;
    const tables = structuredClone(this.#tables);
    const setOf = (element: NftElement): Map<string, string | undefined> => {
      const set = tables.get(`inet ${name}`)?.sets.get(element.set);
      if (set === undefined) throw refuse("ENOENT", `${name} ${element.set}`);
      return set;
    };
    for (const element of remove)
      if (!setOf(element).delete(written(element.key))) throw refuse("ENOENT", written(element.key));
    for (const element of add) {
      const set = setOf(element);
      const key = written(element.key);
      const value = element.value && written(element.value);
      if (set.has(key) && set.get(key) !== value) throw refuse("EEXIST", key);
      set.set(key, value);
    }
    this.#tables = tables;
  }

  /** False when there is no such table. */
  remove(name: string): boolean {
    return this.#tables.delete(`inet ${name}`);
  }

  forwardDrops(): string[] {
    const isDropping = (chain: string): boolean =>
      /hook forward\b/.test(chain) && /policy drop\b/.test(chain);
    return [...this.#tables]
      .filter(([, { chains }]) => chains.values().some(isDropping))
      .map(([name]) => name);
  }
}

const written = (parts: readonly NftPart[]): string => parts.map(({ value }) => String(value)).join(" . ");

function fill(tables: Map<string, Table>, name: string, body: string): void {
  const table = tables.get(name) ?? { sets: new Map(), chains: new Map() };
  tables.set(name, table);
  for (const statement of statementsOf(whole(body))) {
    const [kind = "", own = "", ...rest] = statement.head.split(/\s+/);
    if (rest.length > 0 || own === "" || statement.body === undefined)
      throw nftRefusal(`syntax error: ${statement.head}`);
    if (kind === "chain") table.chains.set(own, (table.chains.get(own) ?? "") + whole(statement.body));
    else if (kind === "set" || kind === "map") fillSet(table, own, statement.body);
    else throw nftRefusal(`syntax error: ${statement.head}`);
  }
  for (const chain of table.chains.values())
    for (const [, set = ""] of chain.matchAll(/@(\w+)/g))
      if (!table.sets.has(set)) throw nftRefusal(`No such file or directory: @${set}`);
}

function fillSet(table: Table, name: string, body: string): void {
  const set = table.sets.get(name) ?? new Map<string, string | undefined>();
  table.sets.set(name, set);
  for (const { head, body: elements } of statementsOf(whole(body))) {
    if (head.startsWith("type ") && elements === undefined) continue;
    if (head !== "elements =" || elements === undefined) throw nftRefusal(`syntax error: ${head}`);
    for (const element of elements.split(",")) {
      const [key = "", value] = element.replaceAll('"', "").split(" : ");
      set.set(key.trim(), value?.trim());
    }
  }
}

/** nft wants the last statement of a block ended too. */
function whole(body: string): string {
  if (!/(^|[;\n])\s*$/.test(body))
    throw nftRefusal("syntax error, unexpected '}', expecting newline or semicolon");
  return body;
}

/** Statements end at a line's end or a semicolon, or carry a block. */
function statementsOf(text: string): Statement[] {
  const found: Statement[] = [];
  let head = "";
  for (let at = 0; at < text.length; at++) {
    const sign = text.charAt(at);
    if (sign === "}") throw nftRefusal("syntax error, unexpected '}'");
    if (sign === "{") {
      const end = endOfBlock(text, at);
      found.push({ head: head.trim(), body: text.slice(at + 1, end) });
      head = "";
      at = end;
    } else if (sign === "\n" || sign === ";") {
      if (head.trim() !== "") found.push({ head: head.trim() });
      head = "";
    } else head += sign;
  }
  if (head.trim() !== "") found.push({ head: head.trim() });
  return found;
}

function endOfBlock(text: string, begin: number): number {
  let depth = 0;
  for (let at = begin; at < text.length; at++) {
    if (text[at] === "{") depth++;
    if (text[at] === "}" && --depth === 0) return at;
  }
  throw nftRefusal("syntax error, unexpected end of file");
}
