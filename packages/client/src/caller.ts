import type { IncomingMessage } from "node:http";
import { call, type Call } from "./call.ts";
import { requestOf, type Archive, type Endpoint } from "./endpoint.ts";
import { Modem } from "./modem.ts";
import type { Transport } from "./transport.ts";

/** Makes the methods of the engine's objects, each in dockerode's three forms. */
export class Caller {
  readonly transport: Transport;
  readonly modem: Modem;

  constructor(transport: Transport) {
    this.transport = transport;
    this.modem = new Modem(transport);
  }

  /** The parsed answer; null when it is empty. */
  json<O extends object, T>(endpoint: Endpoint): Call<O, T> {
    return call((options) => this.ask<T>(endpoint, options));
  }

  /** The answer as it comes. */
  stream<O extends object>(endpoint: Endpoint): Call<O, IncomingMessage> {
    return call((options) => this.open(endpoint, options));
  }

  async ask<T>(endpoint: Endpoint, options: object, archive?: Archive): Promise<T> {
    return await this.transport.json<T>(requestOf(endpoint, options, archive));
  }

  async open(endpoint: Endpoint, options: object, archive?: Archive): Promise<IncomingMessage> {
    return await this.transport.stream(requestOf(endpoint, options, archive));
  }

  /** The whole answer. */
  async bytes(endpoint: Endpoint, options: object): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of await this.open(endpoint, options)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }
}
