/** The lines in a body of Docker's frames: 8 bytes of head, of which the last four are the length; then the payload. */
export function linesIn(framed: Buffer): readonly string[] {
  let text = "";
  for (let at = 0; at + 8 <= framed.length; at += 8 + framed.readUInt32BE(at + 4))
    text += framed.subarray(at + 8, at + 8 + framed.readUInt32BE(at + 4)).toString();
  return text.split("\n").slice(0, -1);
}

/** Reads a stream of frames until it ends, or until `enough` lines are there. */
export async function readLines(
  stream: NodeJS.ReadableStream,
  enough: number = Infinity,
): Promise<readonly string[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk));
    if (enough < Infinity && linesIn(Buffer.concat(chunks)).length >= enough) break;
  }
  return linesIn(Buffer.concat(chunks));
}
