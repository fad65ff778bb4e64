import type { LoadRules, NetworkThread, NftElement, NftPart } from "#host";
import { errno, type Logger } from "#kernel";

/** What the rules must know of a bridge. */
export interface BridgeRules {
  readonly name: string;
  /** May its containers reach the outside, and the outside them? */
  readonly isInternal: boolean;
  /** May its containers reach each other? */
  readonly isShared: boolean;
  readonly isMasqueraded: boolean;
}

/**
 * The one nftables table of this engine: chains written once, everything that changes is an element of a set.
 * Holds the whole of it in memory, so that it can be laid down again at any time in one transaction.
 */
export class Filter {
  readonly #kernel: NetworkThread;
  readonly #loadRules: LoadRules;
  readonly #table: string;
  readonly #log: Logger;
  readonly #bridges = new Map<string, readonly NftElement[]>();
  readonly #owned = new Map<string, readonly NftElement[]>();
  #hasLocalRoute = true;

  constructor(kernel: NetworkThread, loadRules: LoadRules, table: string, log: Logger) {
    this.#kernel = kernel;
    this.#loadRules = loadRules;
    this.#table = table;
    this.#log = log;
  }

  /** Remembers without touching the kernel: for what is known before `load`. */
  rememberBridge(rules: BridgeRules): void {
    this.#bridges.set(rules.name, bridgeElements(rules));
  }
  remember(owner: string, elements: readonly NftElement[]): void {
    this.#owned.set(owner, elements);
  }
  /** Without route_localnet a rewritten packet to 127.0.0.1 is lost, so such packets are left to the relay. */
  withoutLocalRoute(): void {
    this.#hasLocalRoute = false;
  }

  /** Lays the whole table down, replacing what is there. */
  async load(signal: AbortSignal): Promise<void> {
    const all = [...this.#bridges.values(), ...this.#owned.values()].flat();
    await this.#loadRules(tableScript(this.#table, all, this.#hasLocalRoute), signal);
  }

  async addBridge(rules: BridgeRules): Promise<void> {
    this.rememberBridge(rules);
    await this.#change(this.#bridges.get(rules.name) ?? [], []);
  }
  async removeBridge(name: string): Promise<void> {
    const elements = this.#bridges.get(name) ?? [];
    this.#bridges.delete(name);
    await this.#change([], elements);
  }
  /** Sets the elements of one container. */
  async set(owner: string, elements: readonly NftElement[]): Promise<void> {
    const before = this.#owned.get(owner) ?? [];
    // Two host ports may lead to one container port; an element that is named twice can't be removed twice.
    const once = [...new Map(elements.map((element) => [JSON.stringify(element), element])).values()];
    if (once.length === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, once);
    await this.#change(once, before);
  }

  async unload(): Promise<void> {
    await this.#kernel.removeTable(this.#table);
  }

  async #change(add: readonly NftElement[], remove: readonly NftElement[]): Promise<void> {
    if (add.length === 0 && remove.length === 0) return;
    try {
      await this.#kernel.changeElements(this.#table, add, remove);
    } catch (error) {
      const code = errno(error);
      if (code !== "ENOENT" && code !== "EEXIST") throw error;
      // Someone flushed the ruleset (a firewall's restart does), or changed our table.
      this.#log.warn("the nftables table was changed by someone else; it is laid down again", { code });
      await this.load(AbortSignal.timeout(10_000));
    }
  }
}

const onInterface = (...names: readonly string[]): readonly NftPart[] =>
  names.map((value) => ({ kind: "interface", value }));

function bridgeElements(rules: BridgeRules): NftElement[] {
  const found: NftElement[] = [{ set: "bridges", key: onInterface(rules.name) }];
  if (rules.isShared) found.push({ set: "together", key: onInterface(rules.name, rules.name) });
  if (!rules.isInternal) found.push({ set: "outward", key: onInterface(rules.name) });
  if (!rules.isInternal && rules.isMasqueraded)
    found.push({ set: "masqueraded", key: onInterface(rules.name) });
  return found;
}

/** The elements for one published port; `hostAddress` 0.0.0.0 is every address of the host. */
export function portElements(port: {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly address: string;
  readonly containerPort: number;
}): NftElement[] {
  const protocol: NftPart = { kind: "protocol", value: port.protocol };
  const hostPort: NftPart = { kind: "port", value: port.hostPort };
  const address: NftPart = { kind: "address", value: port.address };
  const containerPort: NftPart = { kind: "port", value: port.containerPort };
  const isAny = port.hostAddress === "0.0.0.0";
  return [
    {
      set: isAny ? "publish_any" : "publish_at",
      key: isAny ? [protocol, hostPort] : [{ kind: "address", value: port.hostAddress }, protocol, hostPort],
      value: [address, containerPort],
    },
    { set: "published", key: [address, protocol, containerPort] },
    { set: "selves", key: [address, address] },
  ];
}

function written(part: NftPart): string {
  return part.kind === "interface" ? `"${part.value}"` : String(part.value);
}

function elementsOf(set: string, all: readonly NftElement[]): string {
  const lines = new Set(
    all
      .filter((element) => element.set === set)
      .map(({ key, value }) => {
        const name = key.map(written).join(" . ");
        return value === undefined ? name : `${name} : ${value.map(written).join(" . ")}`;
      }),
  );
  return lines.size === 0 ? "" : `elements = { ${[...lines].join(", ")} };`;
}

/**
 * nft's text for the whole table. A container that calls its own published port is known by its address (`selves`):
 * where bridge-nf-call-iptables is on, postrouting is not told the incoming interface. Priorities are the usual ones, so that other tables' drops still count: an accept holds for its own table only.
 */
export function tableScript(table: string, all: readonly NftElement[], hasLocalRoute: boolean): string {
  const set = (name: string, type: string): string =>
    `  set ${name} { type ${type}; ${elementsOf(name, all)} }`;
  const map = (name: string, type: string): string =>
    `  map ${name} { type ${type}; ${elementsOf(name, all)} }`;
  return `table inet ${table} { }
delete table inet ${table}
table inet ${table} {
${map("publish_any", "inet_proto . inet_service : ipv4_addr . inet_service")}
${map("publish_at", "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service")}
${set("published", "ipv4_addr . inet_proto . inet_service")}
${set("selves", "ipv4_addr . ipv4_addr")}
${set("bridges", "ifname")}
${set("together", "ifname . ifname")}
${set("outward", "ifname")}
${set("masqueraded", "ifname")}
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
  }
  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @publish_at
    dnat ip to meta l4proto . th dport map @publish_any
  }
  chain arriving {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump publish
  }
  chain leaving {
    type nat hook output priority -100; policy accept;
    ${hasLocalRoute ? "" : "ip daddr 127.0.0.0/8 return"}
    fib daddr type local jump publish
  }
  chain masks {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 127.0.0.0/8 oifname @bridges masquerade
    ct status dnat ip saddr . ip daddr @selves masquerade
    iifname @bridges oifname @bridges ct status dnat masquerade
    iifname @masqueraded oifname != @bridges masquerade
  }
  chain passing {
    type filter hook forward priority filter; policy accept;
    iifname != @bridges oifname != @bridges accept
    ct state established,related accept
    iifname . oifname @together accept
    iifname @bridges iifname != @outward drop
    oifname @bridges ct status dnat ip daddr . meta l4proto . th dport @published accept
    iifname @outward oifname != @bridges accept
    drop
  }
}
`;
}
