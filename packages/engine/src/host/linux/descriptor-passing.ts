import koffi from "koffi";
import { libc, checked } from "./libc.ts";

const socketCall = libc.func("int socket(int, int, int)");
const socketpairCall = libc.func("int socketpair(int, int, int, _Out_ int*)");
const bindCall = libc.func("int bind(int, void*, int)");
const listenCall = libc.func("int listen(int, int)");
const acceptCall = libc.func("int accept4(int, void*, void*, int)");
const sendmsgCall = libc.func("long sendmsg(int, void*, int)");
const recvmsgCall = libc.func("long recvmsg(int, void*, int)");
const setsockoptCall = libc.func("int setsockopt(int, int, int, void*, int)");

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC_NONBLOCK = 0o2004000;
const MSG_PEEK = 2;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_SNDBUFFORCE = 32;
const MSGHDR_BYTES = 56;
const CMSG_HEADER_BYTES = 16;
const MAX_DESCRIPTORS = 16;
const MAX_TEXT_BYTES = 4096;
const QUEUE_BYTES = 64 * 1024 * 1024;
const EAGAIN = 11;

export interface DescriptorMessage {
  readonly text: string;
  readonly fds: readonly number[];
}

/** Two connected SOCK_SEQPACKET ends whose queues hold tens of thousands of messages. */
export function openSocketPair(): readonly [number, number] {
  const ends = new Int32Array(2);
  checked(
    "socketpair",
    socketpairCall(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC_NONBLOCK, 0, ends) as number,
    "",
  );
  const pair = [ends[0] ?? -1, ends[1] ?? -1] as const;
  const size = Buffer.alloc(4);
  size.writeInt32LE(QUEUE_BYTES);
  for (const end of pair) setsockoptCall(end, SOL_SOCKET, SO_SNDBUFFORCE, size, 4);
  return pair;
}

/** Listens on a unix stream socket without Node, for peers that send descriptors. Non-blocking. */
export function listenUnix(path: string): number {
  const fd = checked(
    "socket",
    socketCall(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC_NONBLOCK, 0) as number,
    "AF_UNIX",
  );
  const name = Buffer.from(path);
  if (name.byteLength > 107) throw new RangeError(`socket path "${path}" is longer than 107 bytes`);
  const address = Buffer.alloc(2 + name.byteLength + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  checked("bind", bindCall(fd, address, address.byteLength) as number, path);
  checked("listen", listenCall(fd, 1) as number, path);
  return fd;
}

/** The next connection, or undefined when nobody waits. */
export function acceptUnix(fd: number): number | undefined {
  const connection = acceptCall(fd, null, null, SOCK_CLOEXEC_NONBLOCK) as number;
  if (connection >= 0) return connection;
  if (koffi.errno() === EAGAIN) return undefined;
  return checked("accept4", -1, "");
}

/** Sends one message with its descriptors; they stay open here. Throws EAGAIN when the queue is full. */
export function sendDescriptors(socket: number, message: DescriptorMessage): void {
  const text = Buffer.from(message.text);
  const control = Buffer.alloc(CMSG_HEADER_BYTES + Math.ceil((message.fds.length * 4) / 8) * 8);
  control.writeBigUInt64LE(BigInt(CMSG_HEADER_BYTES + message.fds.length * 4), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  message.fds.forEach((fd, index) => control.writeInt32LE(fd, CMSG_HEADER_BYTES + index * 4));
  const { header, kept } = messageHeader(text, message.fds.length === 0 ? undefined : control);
  checked("sendmsg", Number(sendmsgCall(socket, header, MSG_DONTWAIT)), `${kept.length} buffers`);
}

/**
 * The next message, its descriptors close-on-exec and now ours; undefined when none waits or the peer is gone (`isEnded`).
 * With `isPeeking` it stays in the queue and we get copies.
 */
export function receiveDescriptors(
  socket: number,
  isPeeking: boolean,
): (DescriptorMessage & { readonly isEnded: boolean }) | undefined {
  const text = Buffer.alloc(MAX_TEXT_BYTES);
  const control = Buffer.alloc(CMSG_HEADER_BYTES + MAX_DESCRIPTORS * 4);
  const { header, kept } = messageHeader(text, control);
  const count = Number(
    recvmsgCall(socket, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (isPeeking ? MSG_PEEK : 0)),
  );
  if (count < 0) {
    if (koffi.errno() === EAGAIN) return undefined;
    checked("recvmsg", -1, `${kept.length} buffers`);
  }
  const fds: number[] = [];
  const controlBytes = Number(header.readBigUInt64LE(40));
  if (controlBytes >= CMSG_HEADER_BYTES && control.readInt32LE(12) === SCM_RIGHTS) {
    const end = Number(control.readBigUInt64LE(0));
    for (let at = CMSG_HEADER_BYTES; at + 4 <= end; at += 4) fds.push(control.readInt32LE(at));
  }
  return { text: text.toString("utf8", 0, count), fds, isEnded: count === 0 && fds.length === 0 };
}

/** A struct msghdr over the two buffers; `kept` holds what it points to. */
function messageHeader(
  text: Buffer,
  control: Buffer | undefined,
): { readonly header: Buffer; readonly kept: readonly Buffer[] } {
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(koffi.address(text), 0);
  vector.writeBigUInt64LE(BigInt(text.byteLength), 8);
  const header = Buffer.alloc(MSGHDR_BYTES);
  header.writeBigUInt64LE(koffi.address(vector), 16);
  header.writeBigUInt64LE(1n, 24);
  if (control !== undefined) {
    header.writeBigUInt64LE(koffi.address(control), 32);
    header.writeBigUInt64LE(BigInt(control.byteLength), 40);
  }
  return { header, kept: control === undefined ? [vector, text] : [vector, text, control] };
}
