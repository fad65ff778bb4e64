import net from "node:net";
import { socketOwner } from "#host";
import { errno, LongshoreError, messageOf, type Logger } from "#kernel";
import type { PortSpec, PublishedPort } from "./contract.ts";
import { holdTcp, holdUdp, isFamilyMissing, type HeldPort } from "./relay.ts";

/** Binds one port of the host; the fake binds nothing. */
export type HoldPort = (
  protocol: "tcp" | "udp",
  address: string,
  port: number,
  log: Logger,
) => Promise<HeldPort>;

export const holdHostPort: HoldPort = (protocol, address, port, log) =>
  protocol === "tcp" ? holdTcp(address, port, log) : holdUdp(address, port, log);

/** The container that ports are published for; `address` is undefined when it has none that can be reached. */
export interface PortOwner {
  readonly containerId: string;
  readonly containerName: string;
  readonly endpointId: string;
  readonly address: string;
}

const KNOWN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use",
  EACCES: "permission denied",
  EADDRNOTAVAIL: "cannot assign requested address",
};

/** Which ports of the host are ours, each held bound so that a clash shows at once. */
export class PublishedPorts {
  readonly #hold: HoldPort;
  readonly #log: Logger;
  readonly #range: { readonly first: number; readonly last: number };
  readonly #holders = new Map<string, PortOwner>();
  readonly #held = new Map<string, AsyncDisposableStack>();
  #nextEphemeral: number;

  constructor(hold: HoldPort, log: Logger, range: { readonly first: number; readonly last: number }) {
    this.#hold = hold;
    this.#log = log;
    this.#range = range;
    this.#nextEphemeral = range.first;
  }

  /** Holds all of `specs` for `owner`, or none. Throws `internal` with Docker's text. */
  async publish(
    owner: PortOwner,
    specs: readonly PortSpec[],
    defaultAddress: string,
    signal: AbortSignal,
  ): Promise<readonly PublishedPort[]> {
    await using undo = new AsyncDisposableStack();
    const published: PublishedPort[] = [];
    for (const spec of specs) {
      signal.throwIfAborted();
      const hostAddress = spec.hostAddress === "" ? defaultAddress : spec.hostAddress;
      const addresses = hostAddress === "" ? ["0.0.0.0", "::"] : [hostAddress];
      const hostPort = await this.#choose(owner, spec, addresses, undo);
      for (const address of addresses) {
        if (!this.#holders.has(keyOf(spec.protocol, address, hostPort))) continue;
        published.push({
          containerPort: spec.containerPort,
          protocol: spec.protocol,
          hostAddress: address,
          hostPort,
        });
      }
    }
    if (specs.length > 0) this.#held.set(owner.containerId, undo.move());
    return published;
  }

  /** Holds what an earlier engine published; what can't be held is logged, for the kernel still rewrites it. */
  async adopt(owner: PortOwner, ports: readonly PublishedPort[]): Promise<void> {
    const stack = new AsyncDisposableStack();
    this.#held.set(owner.containerId, stack);
    for (const port of ports) {
      try {
        await this.#bind(owner, port, port.hostAddress, port.hostPort, stack);
      } catch (error) {
        this.#log.warn("a published port could not be held again", {
          container: owner.containerId,
          hostPort: port.hostPort,
          reason: messageOf(error),
        });
      }
    }
  }

  async unpublish(containerId: string): Promise<void> {
    const stack = this.#held.get(containerId);
    this.#held.delete(containerId);
    await stack?.disposeAsync();
  }

  async #choose(
    owner: PortOwner,
    spec: PortSpec,
    addresses: readonly string[],
    undo: AsyncDisposableStack,
  ): Promise<number> {
    let failure: unknown;
    for (const hostPort of this.#candidates(spec)) {
      await using attempt = new AsyncDisposableStack();
      try {
        for (const address of addresses) await this.#bind(owner, spec, address, hostPort, attempt);
        undo.use(attempt.move());
        return hostPort;
      } catch (error) {
        failure = error;
        if (!(error instanceof LongshoreError) || error.facts["code"] !== "EADDRINUSE") throw error;
      }
    }
    throw failure;
  }

  *#candidates(spec: PortSpec): Generator<number> {
    if (spec.hostPort !== 0) {
      for (let port = spec.hostPort; port <= (spec.hostPortLast ?? spec.hostPort); port++) yield port;
      return;
    }
    const { first, last } = this.#range;
    for (let tries = last - first; tries >= 0; tries--) {
      const port = this.#nextEphemeral;
      this.#nextEphemeral = port >= last ? first : port + 1;
      yield port;
    }
  }

  async #bind(
    owner: PortOwner,
    spec: { readonly protocol: "tcp" | "udp" | "sctp"; readonly containerPort: number },
    address: string,
    hostPort: number,
    stack: AsyncDisposableStack,
  ): Promise<void> {
    const { protocol } = spec;
    const holder = this.#holderOf(protocol, address, hostPort);
    if (holder !== undefined)
      throw failedFor(
        owner,
        `Bind for ${hostOf(address)}:${hostPort} failed: port is already allocated (by container "${holder.containerName}")`,
        "EADDRINUSE",
      );
    const key = keyOf(protocol, address, hostPort);
    // Marked before the wait, so that a second publisher finds the first.
    this.#holders.set(key, owner);
    stack.defer(() => void this.#holders.delete(key));
    // Node has no SCTP sockets: such a port is published but not held.
    if (protocol === "sctp") return;
    try {
      const held = await this.#hold(protocol, address, hostPort, this.#log);
      held.relayTo({ address: owner.address, port: spec.containerPort });
      stack.use(held);
    } catch (error) {
      if (address === "::" && isFamilyMissing(error)) {
        this.#holders.delete(key);
        return;
      }
      const code = errno(error) ?? "";
      throw failedFor(
        owner,
        `failed to bind host port for ${hostOf(address)}:${hostPort}:${owner.address}:${spec.containerPort}/${protocol}: ${KNOWN_ERRORS[code] ?? messageOf(error)}${code === "EADDRINUSE" ? foreignHolder(protocol, hostPort) : ""}`,
        code,
        error,
      );
    }
  }

  #holderOf(protocol: string, address: string, port: number): PortOwner | undefined {
    const isIpv6 = net.isIPv6(address);
    const wildcard = isIpv6 ? "::" : "0.0.0.0";
    const exact =
      this.#holders.get(keyOf(protocol, address, port)) ?? this.#holders.get(keyOf(protocol, wildcard, port));
    if (exact !== undefined || address !== wildcard) return exact;
    // A wildcard clashes with every address of its family.
    const suffix = keyOf(protocol, "", port);
    for (const [key, holder] of this.#holders)
      if (key.startsWith(suffix) && net.isIPv6(key.slice(suffix.length)) === isIpv6) return holder;
    return undefined;
  }
}

/** What Docker leaves its users to find out. */
function foreignHolder(protocol: "tcp" | "udp", port: number): string {
  const owner = socketOwner(protocol, port);
  return owner === undefined ? "" : ` (by "${owner.command}", pid ${owner.pid})`;
}

const keyOf = (protocol: string, address: string, port: number): string => `${protocol} ${port} ${address}`;
const hostOf = (address: string): string => (net.isIPv6(address) ? `[${address}]` : address);

function failedFor(owner: PortOwner, reason: string, code: string, cause?: unknown): LongshoreError {
  return new LongshoreError(
    "internal",
    `driver failed programming external connectivity on endpoint ${owner.containerName} (${owner.endpointId}): ${reason}`,
    { cause, facts: { code } },
  );
}
