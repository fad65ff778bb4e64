/** Counted names of what must not be removed now. */
export class Holds {
  readonly #counts = new Map<string, number>();

  hold(name: string): Disposable {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        const left = (this.#counts.get(name) ?? 1) - 1;
        if (left === 0) this.#counts.delete(name);
        else this.#counts.set(name, left);
      },
    };
  }

  has(name: string): boolean {
    return this.#counts.has(name);
  }
}
