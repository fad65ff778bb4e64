import type { IncomingMessage } from "node:http";
import type {
  ContainerSummary,
  EngineInfo,
  EngineVersion,
  ImageSummary,
  Network as NetworkRecord,
  VolumeList,
} from "@longshore/protocol";
import { call, type Abortable, type Call } from "./call.ts";
import { Caller } from "./caller.ts";
import type {
  Credentials,
  EventsOptions,
  Filtered,
  ListContainersOptions,
  Prune,
  SearchOptions,
  SearchResult,
} from "./docker-options.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Modem } from "./modem.ts";
import type { SwarmRecord, SwarmUpdate } from "./swarm.ts";
import type { Transport } from "./transport.ts";

type SwarmList = Call<Filtered, readonly SwarmRecord[]>;

/** What an engine tells of itself and lists, and what it tidies up. */
export class DockerLists {
  readonly modem: Modem;
  /** "OK". */
  readonly ping: Call<Abortable, string>;
  readonly version: Call<Abortable, EngineVersion>;
  readonly info: Call<Abortable, EngineInfo>;
  readonly df: Call<
    Abortable & { readonly type?: string | readonly string[] },
    Readonly<Record<string, unknown>>
  >;
  readonly getEvents: Call<EventsOptions, IncomingMessage>;
  /** Asks a registry whether it knows these credentials. */
  readonly checkAuth: Call<Credentials, { readonly Status: string; readonly IdentityToken?: string }>;
  readonly searchImages: Call<SearchOptions, readonly SearchResult[]>;
  /** A tar of several images. */
  readonly getImages: Call<
    Abortable & { readonly names?: string | readonly string[]; readonly platform?: string },
    IncomingMessage
  >;

  readonly listContainers: Call<ListContainersOptions, readonly ContainerSummary[]>;
  readonly listImages: Call<
    Filtered & { readonly all?: boolean; readonly digests?: boolean; readonly manifests?: boolean },
    readonly ImageSummary[]
  >;
  readonly listVolumes: Call<Filtered, VolumeList>;
  readonly listNetworks: Call<Filtered, readonly NetworkRecord[]>;
  readonly listPlugins: SwarmList;
  readonly listServices: SwarmList;
  readonly listNodes: SwarmList;
  readonly listTasks: SwarmList;
  readonly listSecrets: SwarmList;
  readonly listConfigs: SwarmList;

  readonly pruneContainers: Prune;
  readonly pruneImages: Prune;
  readonly pruneVolumes: Prune;
  readonly pruneNetworks: Prune;
  readonly pruneBuilder: Call<Filtered & { readonly all?: boolean }, Readonly<Record<string, unknown>>>;

  /** The id of the node that began the swarm. */
  readonly swarmInit: Call<SwarmUpdate, string>;
  readonly swarmJoin: Call<SwarmUpdate, null>;
  readonly swarmLeave: Call<Abortable & { readonly force?: boolean }, null>;
  readonly swarmUpdate: Call<SwarmUpdate, null>;
  readonly swarmInspect: Call<Abortable, SwarmRecord>;

  protected readonly caller: Caller;

  constructor(transport: Transport) {
    const caller = new Caller(transport);
    this.caller = caller;
    this.modem = caller.modem;
    const get = (path: string): Endpoint => ({ method: "GET", path });
    const post = (path: string, takes: Endpoint["takes"] = "query"): Endpoint => ({
      method: "POST",
      path,
      takes,
    });
    this.ping = call(async (options) => (await caller.bytes(get("/_ping"), options)).toString());
    this.version = caller.json(get("/version"));
    this.info = caller.json(get("/info"));
    this.df = caller.json(get("/system/df"));
    this.getEvents = caller.stream(get("/events"));
    this.checkAuth = caller.json(post("/auth", "body"));
    this.searchImages = caller.json(get("/images/search"));
    this.getImages = caller.stream(get("/images/get"));
    this.listContainers = caller.json(get("/containers/json"));
    this.listImages = caller.json(get("/images/json"));
    this.listVolumes = caller.json(get("/volumes"));
    this.listNetworks = caller.json(get("/networks"));
    this.listPlugins = caller.json(get("/plugins"));
    this.listServices = caller.json(get("/services"));
    this.listNodes = caller.json(get("/nodes"));
    this.listTasks = caller.json(get("/tasks"));
    this.listSecrets = caller.json(get("/secrets"));
    this.listConfigs = caller.json(get("/configs"));
    this.pruneContainers = caller.json(post("/containers/prune"));
    this.pruneImages = caller.json(post("/images/prune"));
    this.pruneVolumes = caller.json(post("/volumes/prune"));
    this.pruneNetworks = caller.json(post("/networks/prune"));
    this.pruneBuilder = caller.json(post("/build/prune"));
    this.swarmInit = caller.json(post("/swarm/init", "body"));
    this.swarmJoin = caller.json(post("/swarm/join", "body"));
    this.swarmLeave = caller.json(post("/swarm/leave"));
    this.swarmUpdate = caller.json(
      post("/swarm/update", ["version", "rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey"]),
    );
    this.swarmInspect = caller.json(get("/swarm"));
  }
}
