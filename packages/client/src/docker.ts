import type { Readable } from "node:stream";
import type {
  ContainerSummary,
  CreateContainerRequest,
  CreatedContainer,
  CreateNetworkRequest,
  CreateVolumeRequest,
  EngineInfo,
  EngineVersion,
  ImageSummary,
  Network as NetworkRecord,
  VolumeList,
} from "@longshore/protocol";
import { call, deliver, type Abortable, type Call, type Callback } from "./call.ts";
import { Container } from "./container.ts";
import { Exec } from "./exec.ts";
import { demuxStream } from "./frames.ts";
import { Image, registryAuth } from "./image.ts";
import { Longshore } from "./longshore.ts";
import { Network } from "./network.ts";
import { followProgress } from "./progress.ts";
import { optionsFromEnvironment, Transport, type DockerOptions, type Query } from "./transport.ts";
import { Volume } from "./volume.ts";

type Filters = Readonly<Record<string, readonly string[]>>;

/**
 * A Docker engine, with dockerode's method names and both of its forms.
 *
 * ```ts
 * const docker = new Docker({ socketPath: "/run/longshore/engine.sock" });
 * const rows = await docker.listContainers({ all: true });
 * ```
 */
export class Docker {
  /** Longshore's own endpoints. */
  readonly longshore: Longshore;
  readonly modem: {
    readonly demuxStream: typeof demuxStream;
    readonly followProgress: typeof followProgress;
  } = {
    demuxStream,
    followProgress,
  };

  readonly ping: Call<Abortable, string>;
  readonly version: Call<Abortable, EngineVersion>;
  readonly info: Call<Abortable, EngineInfo>;
  readonly df: Call<Abortable, Readonly<Record<string, unknown>>>;
  readonly getEvents: Call<
    Abortable & {
      readonly since?: number | string;
      readonly until?: number | string;
      readonly filters?: Filters;
    },
    Readable
  >;
  readonly listContainers: Call<
    Abortable & {
      readonly all?: boolean;
      readonly limit?: number;
      readonly size?: boolean;
      readonly filters?: Filters;
    },
    readonly ContainerSummary[]
  >;
  readonly createContainer: Call<
    Abortable & CreateContainerRequest & { readonly name?: string; readonly platform?: string },
    Container
  >;
  readonly listImages: Call<
    Abortable & { readonly all?: boolean; readonly digests?: boolean; readonly filters?: Filters },
    readonly ImageSummary[]
  >;
  readonly createImage: Call<
    Abortable & {
      readonly fromImage?: string;
      readonly fromSrc?: string;
      readonly repo?: string;
      readonly tag?: string;
      readonly platform?: string;
      readonly authconfig?: object;
    },
    Readable
  >;
  readonly listVolumes: Call<Abortable & { readonly filters?: Filters }, VolumeList>;
  readonly createVolume: Call<Abortable & CreateVolumeRequest, Volume>;
  readonly listNetworks: Call<Abortable & { readonly filters?: Filters }, readonly NetworkRecord[]>;
  readonly createNetwork: Call<Abortable & CreateNetworkRequest, Network>;
  readonly pruneContainers: Call<
    Abortable & { readonly filters?: Filters },
    Readonly<Record<string, unknown>>
  >;
  readonly pruneImages: Call<Abortable & { readonly filters?: Filters }, Readonly<Record<string, unknown>>>;
  readonly pruneVolumes: Call<Abortable & { readonly filters?: Filters }, Readonly<Record<string, unknown>>>;
  readonly pruneNetworks: Call<Abortable & { readonly filters?: Filters }, Readonly<Record<string, unknown>>>;

  readonly #transport: Transport;

  constructor(options: DockerOptions = optionsFromEnvironment(process.env)) {
    const transport = new Transport(options);
    this.#transport = transport;
    this.longshore = new Longshore(transport);
    const get = <O extends Abortable, T>(path: string): Call<O, T> =>
      call<O, T>(({ abortSignal, ...query }: O) =>
        transport.json<T>({ method: "GET", path, query, signal: abortSignal }),
      );
    const prune = (kind: string): Docker["pruneImages"] =>
      call(({ abortSignal, ...query }) =>
        transport.json({ method: "POST", path: `/${kind}/prune`, query, signal: abortSignal }),
      );
    this.ping = call(({ abortSignal }) =>
      transport.text({ method: "GET", path: "/_ping", signal: abortSignal }),
    );
    this.version = get("/version");
    this.info = get("/info");
    this.df = get("/system/df");
    this.listContainers = get("/containers/json");
    this.listImages = get("/images/json");
    this.listVolumes = get("/volumes");
    this.listNetworks = get("/networks");
    this.pruneContainers = prune("containers");
    this.pruneImages = prune("images");
    this.pruneVolumes = prune("volumes");
    this.pruneNetworks = prune("networks");
    this.getEvents = call(({ abortSignal, ...query }) =>
      transport.stream({ method: "GET", path: "/events", query, signal: abortSignal }),
    );
    this.createContainer = call(async ({ abortSignal, name, platform, ...body }) => {
      const { Id } = await transport.json<CreatedContainer>({
        method: "POST",
        path: "/containers/create",
        query: { name: name === "" ? undefined : name, platform },
        body,
        signal: abortSignal,
      });
      return new Container(transport, Id);
    });
    this.createImage = call(({ abortSignal, authconfig, ...query }) =>
      transport.stream({
        method: "POST",
        path: "/images/create",
        query,
        headers: authconfig === undefined ? {} : registryAuth(authconfig),
        signal: abortSignal,
      }),
    );
    this.createVolume = call(async ({ abortSignal, ...body }) => {
      const { Name } = await transport.json<{ Name: string }>({
        method: "POST",
        path: "/volumes/create",
        body,
        signal: abortSignal,
      });
      return new Volume(transport, Name);
    });
    this.createNetwork = call(async (options) => {
      const { abortSignal, ...body } = options;
      const { Id } = await transport.json<{ Id: string }>({
        method: "POST",
        path: "/networks/create",
        body,
        signal: abortSignal,
      });
      return new Network(transport, Id);
    });
  }

  getContainer(id: string): Container {
    return new Container(this.#transport, id);
  }
  getImage(name: string): Image {
    return new Image(this.#transport, name);
  }
  getVolume(name: string): Volume {
    return new Volume(this.#transport, name);
  }
  getNetwork(id: string): Network {
    return new Network(this.#transport, id);
  }
  getExec(id: string): Exec {
    return new Exec(this.#transport, id);
  }

  /** Progress lines of a pull. A name without tag or digest means `latest`, as the docker CLI does. */
  pull(
    reference: string,
    options?: Abortable & { readonly authconfig?: object; readonly platform?: string },
  ): Promise<Readable>;
  pull(reference: string, callback: Callback<Readable>): void;
  pull(
    reference: string,
    last?: (Abortable & { readonly authconfig?: object; readonly platform?: string }) | Callback<Readable>,
  ): Promise<Readable> | void {
    const options = typeof last === "function" || last === undefined ? {} : last;
    const answer = this.createImage({ ...splitReference(reference), ...options });
    if (typeof last !== "function") return answer;
    deliver(answer, last);
  }

  /** Progress lines of a load from a docker-archive or OCI layout tar. */
  async loadImage(
    archive: Readable,
    options: Abortable & { readonly quiet?: boolean } = {},
  ): Promise<Readable> {
    return await this.#upload("/images/load", archive, options);
  }

  /** Progress lines of a classic build from a tar context. */
  async buildImage(context: Readable, options: Abortable & Query = {}): Promise<Readable> {
    return await this.#upload("/build", context, options);
  }

  async #upload(path: string, stream: Readable, options: Abortable): Promise<Readable> {
    const { abortSignal, ...query } = options;
    return await this.#transport.stream({
      method: "POST",
      path,
      query,
      stream,
      headers: { "Content-Type": "application/x-tar" },
      signal: abortSignal,
    });
  }
}

/** "host:5000/a/b:1" -> name and tag; a digest stays with the name's query word `tag`, as Docker wants it. */
export function splitReference(reference: string): { readonly fromImage: string; readonly tag: string } {
  const at = reference.indexOf("@");
  if (at > 0) return { fromImage: reference.slice(0, at), tag: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(":");
  if (colon > reference.lastIndexOf("/"))
    return { fromImage: reference.slice(0, colon), tag: reference.slice(colon + 1) };
  return { fromImage: reference, tag: "latest" };
}
