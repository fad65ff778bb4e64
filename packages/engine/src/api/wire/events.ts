import type { EngineEvent } from "#events";

/** One line of GET /events; status, id and from are for clients up to 1.51. Source: Docker Engine API, EventMessage. */
export function eventMessage(event: EngineEvent): object {
  const isOld = event.type === "container" || event.type === "image";
  return {
    ...(isOld && {
      status: event.action,
      id: event.actorId,
      ...(event.attributes["image"] !== undefined && { from: event.attributes["image"] }),
    }),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.actorId, Attributes: event.attributes },
    scope: "local",
    time: Number(event.timeNano / 1_000_000_000n),
    // Nanoseconds exceed what JSON numbers keep in JavaScript; clients parse them as int64, so the digits are written out.
    timeNano: RawNumber.of(event.timeNano),
  };
}

/** A bigint that stringifies as a bare number: its digits replace the quoted text in stringifyExact(). */
export class RawNumber {
  readonly #digits: string;
  private constructor(digits: string) {
    this.#digits = digits;
  }
  static of(value: bigint): RawNumber {
    return new RawNumber(value.toString());
  }
  toJSON(): string {
    return `\u0000${this.#digits}`;
  }
}

/** JSON.stringify that writes RawNumbers exactly. A NUL in other strings cannot collide: it is followed there by something but digits and a quote, or escaped alike yet longer. */
export function stringifyExact(value: unknown): string {
  return JSON.stringify(value).replaceAll(/"\\u0000(\d+)"/g, "$1");
}
