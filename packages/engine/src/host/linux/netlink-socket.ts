import { checked, libc, SystemCallError } from "./libc.ts";
import {
  attributes,
  message,
  NLM_F_ACK,
  NLM_F_DUMP,
  split,
  textOf,
  type Received,
} from "./netlink-message.ts";

const socket = libc.func("int socket(int domain, int type, int protocol)");
const setsockopt = libc.func(
  "int setsockopt(int fd, int level, int name, const void *value, uint32_t length)",
);
const send = libc.func("long send(int fd, const void *data, size_t length, int flags)");
const recv = libc.func("long recv(int fd, void *data, size_t length, int flags)");
const close = libc.func("int close(int fd)");

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RECEIVE_TIMEOUT_S = 5n;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** One netlink socket of the namespace that the thread was in at `open`; it stays in that namespace. Synchronous: for the network worker only. */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(256 * 1024);
  #sequence = 0;
  #isOpen = true;

  constructor(protocol: number) {
    this.#fd = checked("socket", socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), "netlink");
    const on = Buffer.from([1, 0, 0, 0]);
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(RECEIVE_TIMEOUT_S);
    setsockopt(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, on, 4);
    setsockopt(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, on, 4);
    checked("setsockopt", setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, timeout, 16), "SO_RCVTIMEO");
  }

  /** Sends `requests` in one go and waits for the answer to each; throws the first refusal, naming `what`. */
  request(what: string, ...requests: readonly Buffer[]): void {
    this.#exchange(what, requests);
  }

  /** As `request`, for a transaction between `begin` and `end` that are not answered themselves. */
  transaction(what: string, begin: Buffer, requests: readonly Buffer[], end: Buffer): void {
    this.#exchange(what, requests, begin, end);
  }

  /** Every message of a dump. */
  dump(what: string, type: number, body: Uint8Array, ...more: Uint8Array[]): Received[] {
    return this.#collect(what, message(type, NLM_F_DUMP, body, ...more));
  }

  /** The messages that answer one request which isn't a dump. */
  ask(what: string, request: Buffer): Received[] {
    request.writeUInt16LE(request.readUInt16LE(6) | NLM_F_ACK, 6);
    return this.#collect(what, request);
  }

  #collect(what: string, request: Buffer): Received[] {
    const sequence = this.#stamp(request);
    this.#send(what, request);
    const found: Received[] = [];
    for (;;) {
      for (const answer of this.#receive(what)) {
        if (answer.sequence !== sequence) continue;
        if (answer.type === NLMSG_DONE) return found;
        if (answer.type === NLMSG_ERROR) {
          refuse(what, answer);
          return found;
        }
        // The buffer is used again for the next datagram.
        found.push({ ...answer, body: Buffer.from(answer.body) });
      }
    }
  }

  #exchange(what: string, requests: readonly Buffer[], begin?: Buffer, end?: Buffer): void {
    const waiting = new Set<number>();
    if (begin) this.#stamp(begin);
    for (const request of requests) {
      request.writeUInt16LE(request.readUInt16LE(6) | NLM_F_ACK, 6);
      waiting.add(this.#stamp(request));
    }
    if (end) this.#stamp(end);
    this.#send(what, Buffer.concat([...(begin ? [begin] : []), ...requests, ...(end ? [end] : [])]));
    let failure: unknown;
    while (waiting.size > 0) {
      for (const answer of this.#receive(what)) {
        if (answer.type !== NLMSG_ERROR) continue;
        try {
          refuse(what, answer);
        } catch (error) {
          failure ??= error;
          // A transaction that failed as a whole is answered once, under the sequence number of its begin.
          if (!waiting.has(answer.sequence)) waiting.clear();
        }
        waiting.delete(answer.sequence);
      }
      if (failure !== undefined && begin) break;
    }
    if (failure !== undefined) throw failure;
  }

  #stamp(request: Buffer): number {
    this.#sequence = (this.#sequence % 0x7fffffff) + 1;
    request.writeUInt32LE(this.#sequence, 8);
    return this.#sequence;
  }

  #send(what: string, bytes: Buffer): void {
    this.#drain();
    checked("send", Number(send(this.#fd, bytes, bytes.length, 0)), what);
  }

  /** Drops answers that an earlier, failed exchange left behind. */
  #drain(): void {
    const MSG_DONTWAIT = 0x40;
    while (Number(recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT)) > 0);
  }

  #receive(what: string): Received[] {
    const length = checked("recv", Number(recv(this.#fd, this.#buffer, this.#buffer.length, 0)), what);
    return split(this.#buffer.subarray(0, length));
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    close(this.#fd);
  }
}

const NLMSGERR_ATTR_MSG = 1;

/** Throws when an NLMSG_ERROR carries an errno (0 is the acknowledgement). */
function refuse(what: string, answer: Received): void {
  const code = answer.body.readInt32LE(0);
  if (code === 0) return;
  // With NETLINK_CAP_ACK the refused request is cut to its header, the kernel's words follow.
  const words = textOf(attributes(answer.body, 20).get(NLMSGERR_ATTR_MSG));
  throw new SystemCallError("netlink", -code, words === undefined ? what : `${what}: ${words}`);
}
