import { parseSync } from "oxc-parser";

/** Calls and streams between the window and its main process, as a Markdown page, from the text of packages/protocol/src/bridge.ts. */
export function bridgePage(text: string): string {
  return [
    "# The window's bridge",
    "",
    "Made by `npm run docs` from `packages/protocol/src/bridge.ts`: what the sandboxed page may ask of the main process. Nothing else crosses.",
    "",
    ...table(text, "BridgeCalls", "Calls", ["args", "result"]),
    ...table(text, "BridgeStreams", "Streams", ["args", "item", "end"]),
  ].join("\n");
}

function table(text: string, name: string, title: string, columns: readonly string[]): readonly string[] {
  const { program } = parseSync("bridge.ts", text);
  const declared = program.body
    .map((statement) => (statement.type === "ExportNamedDeclaration" ? statement.declaration : statement))
    .find((node) => node?.type === "TSInterfaceDeclaration" && node.id.name === name);
  if (declared?.type !== "TSInterfaceDeclaration") throw new Error(`bridge.ts has no interface "${name}"`);
  const rows = declared.body.body.map((member) => {
    if (member.type !== "TSPropertySignature") throw new Error(`a member of ${name} is no property`);
    const own = member.typeAnnotation?.typeAnnotation;
    if (own?.type !== "TSTypeLiteral") throw new Error(`a member of ${name} is no object type`);
    const parts = new Map(
      own.members.map((part) => {
        if (part.type !== "TSPropertySignature" || part.typeAnnotation == null)
          throw new Error(`a part of a member of ${name} is no property`);
        const { start, end } = part.typeAnnotation.typeAnnotation;
        return [text.slice(part.key.start, part.key.end), text.slice(start, end)];
      }),
    );
    const unknown = [...parts.keys()].filter((key) => !columns.includes(key));
    if (unknown.length > 0)
      throw new Error(`${name} has parts that the page doesn't show: ${unknown.join(", ")}`);
    const cells = columns.map((column) => code(parts.get(column) ?? ""));
    return `| ${text.slice(member.key.start, member.key.end).replaceAll('"', "")} | ${cells.join(" | ")} |`;
  });
  return [
    `## ${title}`,
    "",
    `| name | ${columns.join(" | ")} |`,
    `|---|${columns.map(() => "---|").join("")}`,
    ...rows,
    "",
  ];
}

const code = (type: string): string =>
  type === "" || type === "NoArguments" ? "" : `\`${type.replaceAll(/\s+/g, " ").replaceAll("|", "\\|")}\``;
