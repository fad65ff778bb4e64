import { closeSync } from "node:fs";
import { LongshoreError } from "#kernel";
import type { DnsSocketPair, DnsView, DnsZone, ThreadedDnsServer } from "./contract.ts";
import { LocalAnswers } from "./local-answers.ts";
import { CLASS_IN, readName, TYPE, type AnswerRecord } from "./message.ts";

export type RecordType = "A" | "AAAA" | "PTR";

/** What a client reads in an answer: addresses (IPv6 in eight groups without zeros in front) or names. */
export interface DnsReply {
  readonly code: "ok" | "no name" | "refused" | "server failure";
  readonly values: readonly string[];
}
/** Server -> name -> addresses. A server that is not in here is not reached. */
export type FakeNames = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

interface Client {
  view: DnsView;
  readonly sockets: DnsSocketPair;
}

/** The server without sockets and threads: a test asks as the client of `key`. It owns the descriptors it is given, and answers nothing on them. */
export class FakeDns implements ThreadedDnsServer {
  readonly #elsewhere: FakeNames;
  readonly #clients = new Map<string, Client>();
  #local = new LocalAnswers();
  #onRestart = (): void => {};
  #hasEnded = false;

  constructor(elsewhere: FakeNames = {}) {
    this.#elsewhere = elsewhere;
  }

  /** Undefined when nobody answers. */
  ask(key: string, name: string, type: RecordType): DnsReply | undefined {
    const view = this.#clients.get(key)?.view;
    if (view === undefined) return undefined;
    const asked = name.toLowerCase();
    const question = { name: asked, type: TYPE[type], class: CLASS_IN };
    const found = this.#local.answer(view, LocalAnswers.own(view), question);
    if (found !== undefined) return { code: "ok", values: found.map(valueOf) };
    const isShort = !asked.includes(".");
    if (isShort && (view.keepsShortNames || view.servers.length === 0))
      return { code: "no name", values: [] };
    if (view.servers.length === 0) return { code: "refused", values: [] };
    const server = view.servers.find((one) => this.#elsewhere[one] !== undefined);
    if (server === undefined) return { code: "server failure", values: [] };
    const values = this.#elsewhere[server]?.[asked];
    return values === undefined ? { code: "no name", values: [] } : { code: "ok", values };
  }

  /** The thread fails and is begun anew. */
  fail(): void {
    this.#forget();
    this.#onRestart();
  }

  expect(): void {}
  async setZone(zone: string, content: DnsZone | undefined): Promise<void> {
    this.#need();
    this.#local.setZone(zone, content);
  }
  async attach(key: string, sockets: DnsSocketPair, view: DnsView): Promise<void> {
    this.#need();
    this.#drop(key);
    this.#clients.set(key, { view, sockets });
  }
  async update(key: string, view: DnsView): Promise<void> {
    this.#need();
    const client = this.#clients.get(key);
    if (client !== undefined) client.view = view;
  }
  async detach(key: string): Promise<void> {
    this.#drop(key);
  }
  onRestart(listener: () => void): void {
    this.#onRestart = listener;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#hasEnded = true;
    this.#forget();
  }

  #need(): void {
    if (this.#hasEnded) throw new LongshoreError("unavailable", "the DNS thread has ended");
  }
  #forget(): void {
    this.#local = new LocalAnswers();
    for (const key of this.#clients.keys()) this.#drop(key);
  }
  #drop(key: string): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    this.#clients.delete(key);
    closeSync(client.sockets.udpFd);
    closeSync(client.sockets.tcpFd);
  }
}

/** A record's data as a client shows it. */
export function valueOf({ type, data }: Pick<AnswerRecord, "type" | "data">): string {
  if (type === TYPE.PTR) return readName(data, 0).name;
  if (type === TYPE.A) return data.join(".");
  return Array.from({ length: 8 }, (_, at) => data.readUInt16BE(at * 2).toString(16)).join(":");
}
