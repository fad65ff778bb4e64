import { isKind } from "#kernel";
import { addressData, addressKey } from "./address.ts";
import type { DnsView, DnsZone } from "./contract.ts";
import { CLASS_IN, reverseAddress, TYPE, writeName, type AnswerRecord, type Question } from "./message.ts";

/** What we know ourselves: undefined = ask on; an empty list = the name is ours but has no such record. */
export type LocalAnswer = readonly AnswerRecord[] | undefined;

const TTL_SECONDS = 600;

interface KnownZone {
  readonly names: ReadonlyMap<string, readonly string[]>;
  readonly reverse: ReadonlyMap<string, string>;
}

/** The names of all zones, looked up for one view at a time. */
export class LocalAnswers {
  readonly #zones = new Map<string, KnownZone>();
  #turn = 0;

  setZone(zone: string, content: DnsZone | undefined): void {
    if (content === undefined) this.#zones.delete(zone);
    else this.#zones.set(zone, known(content));
  }

  /** Prepares a view's own names once, not at every question. */
  static own(view: DnsView): KnownZone {
    return known(view.own);
  }

  answer(view: DnsView, own: KnownZone, question: Question): LocalAnswer {
    if (question.class !== CLASS_IN) return undefined;
    const zones = [own, ...view.zones.flatMap((name) => this.#zones.get(name) ?? [])];
    if (question.type === TYPE.PTR) {
      const address = reverseAddress(question.name);
      if (address === undefined) return undefined;
      const key = addressKey(address);
      for (const zone of zones) {
        const name = zone.reverse.get(key);
        if (name === undefined) continue;
        const data = nameData(name);
        // Docker lets containers have names that DNS can't carry: there is no such record then.
        return data === undefined ? [] : [{ type: TYPE.PTR, ttl: TTL_SECONDS, data }];
      }
      return undefined;
    }
    for (const zone of zones) {
      const addresses = zone.names.get(question.name);
      if (addresses !== undefined) return this.#records(addresses, question.type);
    }
    return undefined;
  }

  #records(addresses: readonly string[], type: number): AnswerRecord[] {
    const found: AnswerRecord[] = [];
    for (const address of addresses) {
      const data = addressData(address);
      if (data === undefined) continue;
      const own = data.length === 4 ? TYPE.A : TYPE.AAAA;
      if (type === own || type === TYPE.ANY) found.push({ type: own, ttl: TTL_SECONDS, data });
    }
    // The first takes the load with most clients, so it changes from question to question.
    const start = found.length === 0 ? 0 : this.#turn++ % found.length;
    return [...found.slice(start), ...found.slice(0, start)];
  }
}

function nameData(name: string): Buffer | undefined {
  try {
    return writeName(name);
  } catch (error) {
    if (!isKind(error, "invalid")) throw error;
    return undefined;
  }
}

function known(zone: DnsZone): KnownZone {
  return {
    names: new Map(Object.entries(zone.names)),
    reverse: new Map(Object.entries(zone.reverse).map(([address, name]) => [addressKey(address), name])),
  };
}
