/** The names of one network. Names are lower case, without the final dot. */
export interface DnsZone {
  /** Name to addresses, both families; several are answered in turning order. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** Address to the name that a reverse question gets. */
  readonly reverse: Readonly<Record<string, string>>;
}

/** What one client (a sandbox) is told. */
export interface DnsView {
  /** Its own names come before those of the zones, zones answer in order. */
  readonly own: DnsZone;
  readonly zones: readonly string[];
  /** Where everything else is asked, in order: IP addresses; none = refused. */
  readonly servers: readonly string[];
  /** Names without a dot are never forwarded (the client set ndots itself). */
  readonly keepsShortNames: boolean;
}

/** Descriptors of two bound sockets; the TCP one listens. */
export interface DnsSocketPair {
  readonly udpFd: number;
  readonly tcpFd: number;
}

/** One DNS server for all sandboxes. Who asks is told by the socket that heard it, so no sandbox can ask in another's name. Calls take effect in their order. */
export interface DnsServer extends AsyncDisposable {
  /** Replaces the names of a zone; undefined removes it. */
  setZone(zone: string, content: DnsZone | undefined): Promise<void>;
  /** Answers on `sockets` from now on, and owns them. A key that is attached already is detached first. */
  attach(key: string, sockets: DnsSocketPair, view: DnsView): Promise<void>;
  /** Replaces the view; in force when this resolves. An unknown key is ignored. */
  update(key: string, view: DnsView): Promise<void>;
  /** Closes the sockets; absent is success. */
  detach(key: string): Promise<void>;
}

/** A server in a thread of its own, which is begun by the first call that needs it, and anew when it fails. */
export interface ThreadedDnsServer extends DnsServer {
  /** A sandbox will be attached soon: the thread may begin meanwhile. */
  expect(): void;
  /** Called after that, before any other call reaches the new thread: it knows no zone and has no socket. */
  onRestart(listener: () => void): void;
}
