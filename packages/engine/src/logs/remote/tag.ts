import { LongshoreError } from "#kernel";
import type { LogSubject } from "./driver.ts";

type Value = string | number | readonly string[] | Readonly<Record<string, string>>;
const SHORT_ID_LENGTH = 12;

/** What `{{.NAME}}` stands for. Source: Docker Engine, log tags. */
function fieldsOf(subject: LogSubject): Readonly<Record<string, Value>> {
  const imageId = subject.imageId.replace(/^sha256:/, "");
  const [entrypoint = "", ...args] = subject.command;
  return {
    ID: subject.id.slice(0, SHORT_ID_LENGTH),
    FullID: subject.id,
    Name: subject.name,
    ImageID: imageId.slice(0, SHORT_ID_LENGTH),
    ImageFullID: subject.imageId,
    ImageName: subject.imageName,
    DaemonName: "docker",
    Command: subject.command.join(" "),
    ContainerID: subject.id,
    ContainerName: `/${subject.name}`,
    ContainerEntrypoint: entrypoint,
    ContainerArgs: args,
    ContainerImageID: subject.imageId,
    ContainerImageName: subject.imageName,
    ContainerCreated: subject.createdAt,
    ContainerEnv: subject.env,
    ContainerLabels: subject.labels,
  };
}

const FUNCTIONS: Readonly<Record<string, (...given: readonly Value[]) => Value>> = {
  json: (value) => JSON.stringify(value),
  lower: (value) => textOf(value).toLowerCase(),
  upper: (value) => textOf(value).toUpperCase(),
  title: (value) => textOf(value).replaceAll(/(^|\s)\p{L}/gu, (first) => first.toUpperCase()),
  split: (value, by) => textOf(value).split(textOf(by)),
  join: (value, by) => (Array.isArray(value) ? value.map(textOf).join(textOf(by)) : textOf(value)),
  pad: (value, before, after) =>
    value === "" ? "" : `${" ".repeat(Number(before))}${textOf(value)}${" ".repeat(Number(after))}`,
  truncate: (value, length) => textOf(value).slice(0, Number(length)),
  index: (value, key) => {
    if (Array.isArray(value)) return (value as readonly string[])[Number(key)] ?? "";
    return typeof value === "object" ? ((value as Record<string, string>)[textOf(key)] ?? "") : "";
  },
};

/**
 * The text of a tag template: fields, literals and pipelines of functions, as in `{{.Name}}/{{upper .ID}}` or
 * `{{index .ContainerLabels "app" | lower}}`. Throws `invalid` for what it does not know. Source: Go, text/template.
 */
export function renderTag(template: string, subject: LogSubject): string {
  const fields = fieldsOf(subject);
  const rest = template.replaceAll(/\s*\{\{- /g, "{{").replaceAll(/ -\}\}\s*/g, "}}");
  const text = rest.replaceAll(/\{\{(.*?)\}\}/g, (_whole, action: string) =>
    textOf(pipeline(action, fields, template)),
  );
  if (rest.replaceAll(/\{\{.*?\}\}/g, "").includes("{{")) throw bad(template, `unclosed action`);
  return text;
}

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|-?\d+|\.\w+|\w+|\|)/y;

function pipeline(action: string, fields: Readonly<Record<string, Value>>, template: string): Value {
  const commands: string[][] = [[]];
  let at = 0;
  while (action.slice(at).trim() !== "") {
    TOKEN.lastIndex = at;
    const [whole, token] = TOKEN.exec(action) ?? [];
    if (whole === undefined || token === undefined)
      throw bad(template, `unexpected "${action.slice(at).trim()}" in command`);
    at += whole.length;
    if (token === "|") commands.push([]);
    else commands.at(-1)?.push(token);
  }
  let piped: Value | undefined;
  for (const [word = "", ...more] of commands) {
    const given = more.map((token) => operand(token, fields, template));
    if (piped !== undefined) given.push(piped);
    if (word === "") throw bad(template, "missing value for command");
    const call = /^[a-z]/.test(word) ? FUNCTIONS[word] : undefined;
    if (/^[a-z]/.test(word) && call === undefined) throw bad(template, `function "${word}" not defined`);
    if (call === undefined && given.length > 0)
      throw bad(template, `can't give argument to non-function ${word}`);
    piped = call === undefined ? operand(word, fields, template) : call(...given);
  }
  return piped ?? "";
}

function operand(token: string, fields: Readonly<Record<string, Value>>, template: string): Value {
  if (token.startsWith('"')) return JSON.parse(token) as string;
  if (token.startsWith("`")) return token.slice(1, -1);
  if (/^-?\d/.test(token)) return Number(token);
  const value = Object.hasOwn(fields, token.slice(1)) ? fields[token.slice(1)] : undefined;
  if (token.startsWith(".") && value !== undefined) return value;
  throw bad(template, `can't evaluate field ${token.replace(/^\./, "")}`);
}

/** As Go prints it. */
function textOf(value: Value | undefined): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return `[${value.join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const pairs = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${pairs.map(([name, text]) => `${name}:${text}`).join(" ")}]`;
}

const bad = (template: string, why: string): LongshoreError =>
  new LongshoreError("invalid", `template: log-tag: "${template}": ${why}`);
