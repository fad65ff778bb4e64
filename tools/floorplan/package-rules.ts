import { builtinModules } from "node:module";
import { posix } from "node:path";
import { edgesOf, packageOf, type SourceFile } from "./edges.ts";
import type { Violation } from "./plan.ts";

interface PackageRule {
  /** The folder the rule guards. */
  readonly folder: string;
  readonly because: string;
  readonly node: boolean;
  /** npm and workspace packages; "any" for those without a list. */
  readonly packages: readonly string[] | "any";
  /** A word the shipped text may not hold. */
  readonly forbiddenWord?: RegExp;
}

export const packageRules: readonly PackageRule[] = [
  {
    folder: "packages/protocol/src",
    because: "protocol imports nothing, so that both sides may import it",
    node: false,
    packages: [],
  },
  {
    folder: "packages/client/src",
    because: "client knows the protocol and any socket, never the engine",
    node: true,
    packages: ["@longshore/protocol", "ssh2"],
  },
  {
    folder: "packages/ui/src",
    because: "ui knows no container and no Docker word",
    node: false,
    packages: ["react", "react-dom", "@tanstack/react-virtual", "lucide-react"],
    forbiddenWord: /\b(docker|container engine|podman)\b/i,
  },
  {
    folder: "apps/renderer/src",
    because: "the renderer is a sandboxed page: no node, no electron, no client",
    node: false,
    packages: [
      "@fontsource-variable/inter",
      "@fontsource-variable/jetbrains-mono",
      "@longshore/protocol",
      "@longshore/ui",
      "@tanstack/react-virtual",
      "@xterm/addon-fit",
      "@xterm/xterm",
      "lucide-react",
      "react",
      "react-dom",
      "zustand",
    ],
  },
  {
    folder: "apps/main/src",
    because: "the app speaks to the engine through the client only",
    node: true,
    packages: ["electron", "@longshore/client", "@longshore/protocol"],
  },
];

const nodeModules: ReadonlySet<string> = new Set(builtinModules);
const testFile = /\.test\.tsx?$/;
const testPackages: ReadonlySet<string> = new Set(["vitest", "fast-check", "@longshore/testkit"]);

/** Checks the files under one rule's folder. Tests may use node, vitest, fast-check and the test kit besides. */
export function checkPackage(rule: PackageRule, files: readonly SourceFile[]): readonly Violation[] {
  const found: Violation[] = [];
  for (const file of files) {
    if (!file.path.startsWith(`${rule.folder}/`)) continue;
    const isTest = testFile.test(file.path);
    for (const edge of edgesOf(file)) {
      const problem = importProblem(rule, file, edge.request, isTest);
      if (problem) found.push({ path: file.path, line: edge.line, problem: `${problem}: ${rule.because}` });
    }
    const word = isTest ? undefined : rule.forbiddenWord?.exec(file.text);
    if (word) {
      const line = file.text.slice(0, word.index).split("\n").length;
      found.push({ path: file.path, line, problem: `holds the word "${word[0]}": ${rule.because}` });
    }
  }
  return found;
}

function importProblem(
  rule: PackageRule,
  file: SourceFile,
  request: string,
  isTest: boolean,
): string | undefined {
  if (request.startsWith(".")) {
    const target = posix.join(posix.dirname(file.path), request);
    const home = posix.dirname(rule.folder);
    return target.startsWith(`${home}/`) ? undefined : `"${request}" leaves "${home}"`;
  }
  const isNode = request.startsWith("node:") || nodeModules.has(request);
  if (isNode) return rule.node || isTest ? undefined : `"${request}" is Node's`;
  const name = packageOf(request);
  if (rule.packages === "any" || rule.packages.includes(name)) return undefined;
  if (isTest && testPackages.has(name)) return undefined;
  return `may not import "${name}"`;
}
