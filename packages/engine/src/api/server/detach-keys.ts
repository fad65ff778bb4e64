import { LongshoreError } from "#kernel";

const DEFAULT = "ctrl-p,ctrl-q";

/** Finds the detach sequence in what a terminal sends; a started but broken sequence is passed on. Source: docker attach, detach sequence. */
export class DetachKeys {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: string) {
    this.#keys = parse(keys === "" ? DEFAULT : keys);
  }

  /** Throws `invalid` for a sequence out of grammar. */
  static check(keys: string, what: "detach" | "escape" = "detach"): void {
    parse(keys === "" ? DEFAULT : keys, what);
  }

  filter(chunk: Uint8Array): { bytes: Uint8Array; isDetached: boolean } {
    const out: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return { bytes: Uint8Array.from(out), isDetached: true };
        continue;
      }
      out.push(...this.#keys.slice(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) out.push(byte);
    }
    return { bytes: Uint8Array.from(out), isDetached: false };
  }
}

function parse(keys: string, what = "detach"): readonly number[] {
  return keys.split(",").map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) return control.charCodeAt(0) & 0x1f;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new LongshoreError("invalid", `Invalid ${what} keys (${keys}) provided: unknown key "${key}"`);
  });
}
