import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { RuntimeDocument } from "#spec";

/** crun loads this base64 program instead of compiling the document's seccomp section. Source: crun(1), OCI extensions. */
const ANNOTATION = "run.oci.seccomp_bpf_data";
const MAX_FILTERS = 64;

/**
 * Compiled seccomp filters: libseccomp takes 10 ms for the default profile, more than the rest of a start. What crun compiled
 * for one container serves each later one whose section has the same text. The section stays in the document, so that
 * a runtime which doesn't know the annotation compiles it itself.
 */
export class SeccompFilters {
  readonly #programs = new Map<string, string>();

  /** The document, with the filter that an earlier run compiled for the same section. One that brings a program of its own keeps it. */
  attach(document: RuntimeDocument): RuntimeDocument {
    const { seccomp } = document.linux;
    const program =
      seccomp === undefined || hasProgram(document) ? undefined : this.#programs.get(keyOf(seccomp));
    if (program === undefined) return document;
    return { ...document, annotations: { ...document.annotations, [ANNOTATION]: program } };
  }

  /**
   * Keeps the filter that crun left in `file` (seccomp.bpf of its state) for the section of the document that it ran. Of a document with
   * a program crun compiled nothing: what it left there is that program, whoever it is from.
   */
  learn(document: RuntimeDocument, file: string): void {
    const { seccomp } = document.linux;
    if (seccomp === undefined || hasProgram(document) || this.#programs.size >= MAX_FILTERS) return;
    let program: Buffer;
    try {
      program = readFileSync(file);
    } catch {
      return; // The container is gone already, or this crun keeps no such file.
    }
    // struct sock_filter has 8 bytes.
    if (program.byteLength > 0 && program.byteLength % 8 === 0)
      this.#programs.set(keyOf(seccomp), program.toString("base64"));
  }
}

function hasProgram(document: RuntimeDocument): boolean {
  return document.annotations?.[ANNOTATION] !== undefined;
}

function keyOf(section: object): string {
  return createHash("sha256").update(JSON.stringify(section)).digest("base64");
}
