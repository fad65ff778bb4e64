/**
 * Where each line stands when long lines wrap: cumulative row counts, so that any line is found in O(log n).
 * Exact for a fixed-width font that breaks anywhere; without wrapping every line is one row.
 */
export class LineLayout {
  #ends: number[] = [];
  readonly columns: number;

  /** `columns` 0 means no wrapping. */
  constructor(columns: number) {
    this.columns = columns;
  }

  get rows(): number {
    return this.#ends.at(-1) ?? 0;
  }
  get count(): number {
    return this.#ends.length;
  }

  add(length: number): void {
    const rows = this.columns > 0 ? Math.max(1, Math.ceil(length / this.columns)) : 1;
    this.#ends.push(this.rows + rows);
  }

  /** Forgets the first `count` lines; returns the rows they took. */
  dropFirst(count: number): number {
    if (count <= 0) return 0;
    const gone = this.#ends[count - 1] ?? this.rows;
    this.#ends = this.#ends.slice(count).map((end) => end - gone);
    return gone;
  }

  top(index: number): number {
    return index <= 0 ? 0 : (this.#ends[index - 1] ?? this.rows);
  }

  /** The line at a row. */
  at(row: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] ?? 0) > row) high = middle;
      else low = middle + 1;
    }
    return Math.min(low, Math.max(0, this.#ends.length - 1));
  }
}
