import { parseSync, Visitor } from "oxc-parser";

/** One import written in a file: what is asked for, whether only types cross, and where. */
export interface Edge {
  readonly request: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every import of `file`: static, re-exported, dynamic and in type position. A file that doesn't parse is an error. */
export function edgesOf(file: SourceFile): readonly Edge[] {
  const { module, program, errors } = parseSync(file.path, file.text);
  const first = errors[0];
  if (first) throw new Error(`floorplan: "${file.path}" doesn't parse: ${first.message}`);
  const lineOf = (offset: number): number => file.text.slice(0, offset).split("\n").length;
  const edges: Edge[] = [];
  for (const statement of module.staticImports) {
    const typeOnly = statement.entries.length > 0 && statement.entries.every((entry) => entry.isType);
    edges.push({ request: statement.moduleRequest.value, typeOnly, line: lineOf(statement.start) });
  }
  for (const statement of module.staticExports) {
    const from = statement.entries.find((entry) => entry.moduleRequest)?.moduleRequest;
    if (!from) continue;
    const typeOnly = statement.entries.every((entry) => entry.isType);
    edges.push({ request: from.value, typeOnly, line: lineOf(statement.start) });
  }
  new Visitor({
    ImportExpression(node) {
      const source = node.source;
      if (source.type === "Literal" && typeof source.value === "string")
        edges.push({ request: source.value, typeOnly: false, line: lineOf(node.start) });
    },
    TSImportType(node) {
      edges.push({ request: node.source.value, typeOnly: true, line: lineOf(node.start) });
    },
  }).visit(program);
  return edges;
}

/** `@scope/name/deep` and `name/deep` -> the package's name. */
export function packageOf(request: string): string {
  const parts = request.split("/");
  return request.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? request);
}
