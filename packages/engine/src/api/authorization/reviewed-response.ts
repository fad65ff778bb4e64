import { type IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Answer } from "./authorizer.ts";

/** Asks about an answer before it is sent; another one replaces it. Must not throw. */
export type Review = (request: IncomingMessage, answer: Answer) => Promise<Answer | undefined>;

/**
 * A response that is held until it is whole and reviewed. One that streams (its head flushed, or written before its end) passes as it
 * comes, as with dockerd: plugins see the request of a stream only.
 */
export function reviewedResponse(review: Review): typeof ServerResponse {
  return class ReviewedResponse extends ServerResponse {
    #isPassing = false;

    override writeHead(status: number, ...more: readonly unknown[]): this {
      if (this.#isPassing) return super.writeHead(status, more.at(-1) as OutgoingHttpHeaders | undefined);
      this.statusCode = status;
      for (const [name, value] of Object.entries((more.at(-1) ?? {}) as OutgoingHttpHeaders))
        if (value !== undefined) this.setHeader(name, value);
      return this;
    }

    override flushHeaders(): void {
      this.#isPassing = true;
      super.flushHeaders();
    }

    override write(...given: readonly unknown[]): boolean {
      this.#isPassing = true;
      return super.write(...(given as [Uint8Array]));
    }

    override end(...given: readonly unknown[]): this {
      if (this.#isPassing) return super.end(...(given as [Uint8Array]));
      this.#isPassing = true;
      const [chunk] = given;
      const body =
        typeof chunk === "string" || chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.alloc(0);
      this.#release({ status: this.statusCode, headers: this.getHeaders(), body }).catch(() =>
        this.destroy(),
      );
      return this;
    }

    async #release(answer: Answer): Promise<void> {
      const other = await review(this.req, answer);
      if (other !== undefined) {
        this.statusCode = other.status;
        for (const name of this.getHeaderNames()) if (name.startsWith("content-")) this.removeHeader(name);
        for (const [name, value] of Object.entries(other.headers))
          if (value !== undefined) this.setHeader(name, value);
      }
      super.end((other ?? answer).body);
    }
  } as typeof ServerResponse;
}
