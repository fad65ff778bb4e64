import { LongshoreError } from "#kernel";

/**
 * Docker's words for a start that an OCI runtime refused: clients look for them (127 for "not found", 126 for the others).
 * Source of the left sides: crun 1.8, runc 1.1.
 */
export function runtimeRefusal(
  runtime: string,
  sentence: string,
  program: string,
  work: "create" | "exec" = "create",
): LongshoreError {
  return new LongshoreError(
    "invalid",
    `OCI runtime ${work} failed: ${runtime}: ${reworded(sentence, program)}`,
  );
}

function reworded(sentence: string, program: string): string {
  const quoted = `exec: ${JSON.stringify(program)}`;
  const isPath = program.includes("/");
  if (/executable file .* not found/.test(sentence) || /not found in \$PATH/.test(sentence))
    return isPath
      ? `${quoted}: stat ${program}: no such file or directory`
      : `${quoted}: executable file not found in $PATH`;
  // crun says EPERM for anything that is no regular file.
  if (/open executable: (Operation not permitted|Is a directory)/.test(sentence))
    return `${quoted}: is a directory: permission denied`;
  if (/open executable: Permission denied|exec.*[Pp]ermission denied/.test(sentence))
    return `${quoted}: permission denied`;
  return sentence
    .replace("No such file or directory", "no such file or directory")
    .replace("Permission denied", "permission denied")
    .replace("Is a directory", "is a directory");
}
