import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** A Swagger 2.0 schema, as far as the Engine API's description uses it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly type?: string;
  readonly schema?: Schema;
}

export interface DescribedOperation {
  readonly parameters?: readonly Parameter[];
  readonly produces?: readonly string[];
  readonly responses: Readonly<Record<string, { readonly schema?: Schema }>>;
}

export interface ApiDescription {
  readonly definitions: Readonly<Record<string, Schema>>;
  readonly responses?: Readonly<Record<string, { readonly schema?: Schema }>>;
  readonly produces?: readonly string[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
}

export function readDescription(version: "1.41" | "1.51"): ApiDescription {
  return parse(readFileSync(join(import.meta.dirname, `v${version}.yaml`), "utf8")) as ApiDescription;
}

/**
 * What is wrong with `value` against `schema`, one line each: types, enumerations, members that are not described and required ones
 * that are not there. Null fits everywhere: Go writes it for empty lists, maps and pointers.
 */
export function faultsOf(api: ApiDescription, schema: Schema, value: unknown, path = "$"): readonly string[] {
  if (value === null || value === undefined) return [];
  const all = flat(api, schema);
  const type = all.map((part) => part.type).find((name) => name !== undefined);
  const properties = Object.assign({}, ...all.map((part) => part.properties ?? {})) as Record<string, Schema>;
  const required = all.flatMap((part) => part.required ?? []);
  const isObject = type === "object" || Object.keys(properties).length > 0;
  const wanted = all.find((part) => part.enum !== undefined)?.enum;
  if (wanted !== undefined && typeof value !== "object" && !wanted.includes(value)) return [`${path}: ${JSON.stringify(value)} is none of ${JSON.stringify(wanted)}`];
  if (isObject) {
    if (typeof value !== "object" || Array.isArray(value)) return [`${path}: want an object`];
    const others = all.map((part) => part.additionalProperties).find((extra) => extra !== undefined);
    const missing = required.filter((name) => !(name in value)).map((name) => `${path}.${name}: is required`);
    return [
      ...missing,
      ...Object.entries(value).flatMap(([name, member]) => {
        const own = properties[name] ?? (typeof others === "object" ? others : undefined);
        if (own !== undefined) return faultsOf(api, own, member, `${path}.${name}`);
        const isFree = others === true || Object.keys(properties).length === 0;
        return isFree ? [] : [`${path}.${name}: is not described`];
      }),
    ];
  }
  if (type === "array") {
    if (!Array.isArray(value)) return [`${path}: want an array`];
    const items = all.find((part) => part.items !== undefined)?.items ?? {};
    return value.flatMap((item, index) => faultsOf(api, items, item, `${path}[${index}]`));
  }
  if (type === "integer") return Number.isInteger(value) ? [] : [`${path}: want an integer, got ${JSON.stringify(value)}`];
  if (type !== undefined && typeof value !== type) return [`${path}: want a ${type}, got ${JSON.stringify(value)}`];
  return [];
}

/** A schema with its references and parts resolved. */
function flat(api: ApiDescription, schema: Schema): readonly Schema[] {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace("#/definitions/", "");
    const found = api.definitions[name];
    if (found === undefined) throw new Error(`the description has no "${schema.$ref}"`);
    return flat(api, found);
  }
  return [schema, ...(schema.allOf ?? []).flatMap((part) => flat(api, part))];
}
