import { readFileSync } from "node:fs";
import { parse } from "yaml";

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
}

interface Parameter {
  readonly name: string;
  readonly in: "query" | "path" | "header" | "body";
  readonly schema?: Schema;
}

interface Document {
  readonly definitions: Readonly<Record<string, Schema>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
}

interface RawOperation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
}

/** An operation of the Engine API with all that a request to it may carry, of all the descriptions it is in. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly query: readonly string[];
  readonly headers: readonly string[];
  /** Fields of a JSON body with dots, `HostConfig.Mounts.Target`; lists and maps add nothing. */
  readonly fields: readonly string[];
  /** The body is an archive or a text. */
  readonly hasRawBody: boolean;
}

/** Operations of the descriptions, in the order of the first; those that only a later one has come at the end. */
export function readOperations(files: readonly string[]): readonly Operation[] {
  const found = new Map<string, Operation>();
  for (const file of files) {
    const document = parse(readFileSync(file, "utf8")) as Document;
    for (const [path, methods] of Object.entries(document.paths))
      for (const [name, raw] of Object.entries(methods)) {
        const method = name.toUpperCase();
        const own = operationOf(document, method, path, raw);
        const before = found.get(`${method} ${path}`);
        found.set(`${method} ${path}`, before === undefined ? own : joined(before, own));
      }
  }
  return [...found.values()];
}

function operationOf(document: Document, method: string, path: string, raw: RawOperation): Operation {
  const { tags = [], summary = "", parameters = [] } = raw;
  const named = (place: Parameter["in"]): readonly string[] =>
    parameters.filter((one) => one.in === place).map(({ name }) => name);
  const body = parameters.find((one) => one.in === "body")?.schema;
  const fields = body === undefined ? [] : [...new Set(fieldsOf(document, body, "", []))];
  return {
    method,
    path,
    tag: tags[0] ?? "",
    summary: summary.trim().replace(/^"(.*)"$/, "$1"),
    query: named("query"),
    headers: named("header"),
    fields,
    hasRawBody: body !== undefined && fields.length === 0,
  };
}

const union = (one: readonly string[], other: readonly string[]): readonly string[] => [
  ...new Set([...one, ...other]),
];

function joined(one: Operation, other: Operation): Operation {
  return {
    ...one,
    query: union(one.query, other.query),
    headers: union(one.headers, other.headers),
    fields: union(one.fields, other.fields),
    hasRawBody: one.hasRawBody || other.hasRawBody,
  };
}

function fieldsOf(
  document: Document,
  schema: Schema,
  prefix: string,
  within: readonly string[],
): readonly string[] {
  if (schema.$ref !== undefined) {
    // A definition inside itself has no fields that weren't named.
    if (within.includes(schema.$ref)) return [];
    const target = document.definitions[schema.$ref.replace("#/definitions/", "")];
    if (target === undefined) throw new Error(`the description has no "${schema.$ref}"`);
    return fieldsOf(document, target, prefix, [...within, schema.$ref]);
  }
  const inner = [
    ...(schema.allOf ?? []),
    ...(schema.items === undefined ? [] : [schema.items]),
    ...(typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : []),
  ];
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, member]) => [
      `${prefix}${name}`,
      ...fieldsOf(document, member, `${prefix}${name}.`, within),
    ]),
    ...inner.flatMap((one) => fieldsOf(document, one, prefix, within)),
  ];
}
