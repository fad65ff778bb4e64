import { closeSync } from "node:fs";
import koffi from "koffi";
import { checked, libc } from "./libc.ts";

const socketCall = libc.func("socket", "int", ["int", "int", "int"]);
const connectCall = libc.func("connect", "int", ["int", "void*", "int"]);
const bindCall = libc.func("bind", "int", ["int", "void*", "int"]);
const sendCall = libc.func("send", "long", ["int", "void*", "size_t", "int"]);
const recvCall = libc.func("recv", "long", ["int", "void*", "size_t", "int"]);

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC_NONBLOCK = 0o2004000;
const MSG_NOSIGNAL = 0x4000;
const MAX_PATH_BYTES = 107;
const EAGAIN = 11;

/** A non-blocking unix datagram socket, which Node has none of. Source: unix(7), send(2). */
export class UnixDatagramSocket implements Disposable {
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Throws SystemCallError: ENOENT without a socket, ECONNREFUSED when nobody reads it, EPROTOTYPE when it is a stream. */
  static connect(path: string): UnixDatagramSocket {
    return UnixDatagramSocket.#open(path, (fd, address) =>
      checked("connect", connectCall(fd, address, address.byteLength) as number, path),
    );
  }

  /** Receives what others send to `path`, which must not exist yet. */
  static bind(path: string): UnixDatagramSocket {
    return UnixDatagramSocket.#open(path, (fd, address) =>
      checked("bind", bindCall(fd, address, address.byteLength) as number, path),
    );
  }

  static #open(path: string, use: (fd: number, address: Buffer) => void): UnixDatagramSocket {
    const name = Buffer.from(path);
    if (name.byteLength > MAX_PATH_BYTES)
      throw new RangeError(`socket path "${path}" is longer than ${MAX_PATH_BYTES} bytes`);
    const address = Buffer.alloc(2 + name.byteLength + 1);
    address.writeUInt16LE(AF_UNIX, 0);
    name.copy(address, 2);
    const fd = checked(
      "socket",
      socketCall(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC_NONBLOCK, 0) as number,
      "AF_UNIX",
    );
    try {
      use(fd, address);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new UnixDatagramSocket(fd);
  }

  /** False when the reader's queue is full; nothing was sent then. Throws SystemCallError, EMSGSIZE for one that no queue takes. */
  send(message: Uint8Array): boolean {
    const sent = Number(sendCall(this.#fd, message, message.byteLength, MSG_NOSIGNAL));
    if (sent < 0 && koffi.errno() === EAGAIN) return false;
    checked("send", sent, `${message.byteLength} bytes`);
    return true;
  }

  /** The next message, cut off at `limitBytes`; undefined when none waits. */
  receive(limitBytes: number): Buffer | undefined {
    const room = Buffer.alloc(limitBytes);
    const count = Number(recvCall(this.#fd, room, limitBytes, 0));
    if (count < 0 && koffi.errno() === EAGAIN) return undefined;
    return room.subarray(0, checked("recv", count, ""));
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}
