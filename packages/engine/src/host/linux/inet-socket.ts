import { closeSync } from "node:fs";
import { checked, libc } from "./libc.ts";
import { addressBytes } from "./rtnetlink.ts";

const socket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, const void *address, uint32_t length)");
const listen = libc.func("int listen(int fd, int backlog)");
const getsockname = libc.func("int getsockname(int fd, _Out_ void *address, _Inout_ uint32_t *length)");

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const CLOEXEC_NONBLOCK = 0o2004000;

export interface BoundSocket {
  readonly fd: number;
  readonly port: number;
}

/** A bound IPv4 socket (TCP ones listen) in the namespace that the thread is in now. The caller closes the descriptor. */
export function openInetSocket(kind: "udp" | "tcp", address: string, port = 0): BoundSocket {
  const type = (kind === "udp" ? SOCK_DGRAM : SOCK_STREAM) | CLOEXEC_NONBLOCK;
  const fd = checked("socket", socket(AF_INET, type, 0), kind);
  try {
    const name = Buffer.alloc(16);
    name.writeUInt16LE(AF_INET, 0);
    name.writeUInt16BE(port, 2);
    name.set(addressBytes(address), 4);
    checked("bind", bind(fd, name, 16), `${address}:${port}`);
    if (kind === "tcp") checked("listen", listen(fd, 128), `${address}:${port}`);
    checked("getsockname", getsockname(fd, name, [16]), `${address}:${port}`);
    return { fd, port: name.readUInt16BE(2) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
