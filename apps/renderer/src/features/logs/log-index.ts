import { LineLayout } from "./layout.ts";
import type { LogLine } from "./log-store.ts";

/**
 * Which lines match a search and where each line stands, kept up to date line by line: a hundred thousand lines are read once,
 * not at every paint. One index belongs to one search, one width and one log.
 */
export class LogIndex {
  readonly #query: RegExp | undefined;
  readonly #isFilter: boolean;
  /** Numbers of matching lines, counted from the first line ever, so that dropped lines move nothing. */
  #matches: number[] = [];
  #layout: LineLayout;
  #first = 0;
  #next = 0;

  /** `columns` 0 means that lines don't wrap. */
  constructor(query: RegExp | undefined, isFilter: boolean, columns: number) {
    this.#query = query;
    this.#isFilter = isFilter && query !== undefined;
    this.#layout = new LineLayout(columns);
  }

  /** Takes what is new; `dropped` lines before `lines[0]` are gone. */
  follow(lines: readonly LogLine[], dropped: number): void {
    if (dropped > this.#first) this.#drop(dropped);
    for (let at = this.#next - dropped; at < lines.length; at++) {
      const length = lines[at]?.text.length ?? 0;
      const isMatch = this.#isMatch(lines[at]?.text ?? "");
      if (isMatch) this.#matches.push(dropped + at);
      if (isMatch || !this.#isFilter) this.#layout.add(length);
    }
    this.#next = dropped + lines.length;
  }

  #isMatch(text: string): boolean {
    if (this.#query === undefined) return false;
    this.#query.lastIndex = 0;
    return this.#query.test(text);
  }

  #drop(dropped: number): void {
    const gone = countBelow(this.#matches, dropped);
    this.#matches = this.#matches.slice(gone);
    const shownGone = this.#isFilter ? gone : Math.min(dropped, this.#next) - this.#first;
    if (shownGone > 0) this.#layout.dropFirst(shownGone);
    this.#first = dropped;
    this.#next = Math.max(this.#next, dropped);
  }

  get matchCount(): number {
    return this.#matches.length;
  }
  get shownCount(): number {
    return this.#layout.count;
  }
  get rows(): number {
    return this.#layout.rows;
  }

  /** The number of the line of match `at`, counted from the first line ever. */
  match(at: number): number | undefined {
    return this.#matches[at];
  }
  /** The number of the line shown at place `at`. */
  shown(at: number): number {
    return this.#isFilter ? (this.#matches[at] ?? -1) : this.#first + at;
  }
  /** Where line `number` is shown. */
  placeOf(number: number): number {
    return this.#isFilter ? countBelow(this.#matches, number) : number - this.#first;
  }
  top(at: number): number {
    return this.#layout.top(at);
  }
  at(row: number): number {
    return this.#layout.at(row);
  }
}

function countBelow(sorted: readonly number[], limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
