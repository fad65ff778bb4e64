/** Passes `source` on and tells how many bytes went by so far. */
export async function* counted(
  source: AsyncIterable<Uint8Array>,
  onDone: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of source) {
    done += chunk.byteLength;
    onDone(done);
    yield chunk;
  }
}
