import type { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import type {
  CreateContainerRequest,
  CreatedContainer,
  CreateNetworkRequest,
  CreateVolumeRequest,
} from "@longshore/protocol";
import { packContext, type BuildContext } from "./build-context.ts";
import { followBuildProgress } from "./buildkit.ts";
import {
  call,
  callWith,
  callWithAuth,
  settle,
  type Abortable,
  type Call,
  type Callback,
  type CallWith,
  type CallWithAuth,
} from "./call.ts";
import { Container } from "./container.ts";
import { DockerLists } from "./docker-lists.ts";
import type { BuildOptions, CreateImageOptions, PullOptions } from "./docker-options.ts";
import type { Archive, Endpoint } from "./endpoint.ts";
import { Exec } from "./exec.ts";
import { Image } from "./image.ts";
import { Longshore } from "./longshore.ts";
import { Network } from "./network.ts";
import { Plugin } from "./plugin.ts";
import { splitReference } from "./reference.ts";
import { run, runWithCallback, type RunArguments, type RunCallback, type RunResult, toldBy } from "./run.ts";
import { Config, Node, Secret, Service, Task, type SwarmUpdate } from "./swarm.ts";
import { optionsFromEnvironment, Transport, type DockerOptions } from "./transport.ts";
import { Volume } from "./volume.ts";

/**
 * A Docker engine, with dockerode's method names and both of its forms.
 *
 * ```ts
 * const docker = new Docker({ socketPath: "/run/longshore/engine.sock" });
 * const rows = await docker.listContainers({ all: true });
 * ```
 */
export class Docker extends DockerLists {
  static readonly Container: typeof Container = Container;
  static readonly Image: typeof Image = Image;
  static readonly Volume: typeof Volume = Volume;
  static readonly Network: typeof Network = Network;
  static readonly Service: typeof Service = Service;
  static readonly Plugin: typeof Plugin = Plugin;
  static readonly Secret: typeof Secret = Secret;
  static readonly Task: typeof Task = Task;
  static readonly Node: typeof Node = Node;
  static readonly Exec: typeof Exec = Exec;

  /** Longshore's own endpoints. */
  readonly longshore: Longshore;
  /** Reads a pull, push, load or build to its end, BuildKit's trace turned into words. */
  readonly followProgress: typeof followBuildProgress = followBuildProgress;

  readonly createContainer: Call<
    Abortable & CreateContainerRequest & { readonly name?: string; readonly platform?: string },
    Container
  >;
  readonly createVolume: Call<Abortable & CreateVolumeRequest, Volume>;
  readonly createNetwork: Call<Abortable & CreateNetworkRequest, Network>;
  readonly createService: CallWithAuth<SwarmUpdate, Service>;
  readonly createSecret: Call<SwarmUpdate, Secret>;
  readonly createConfig: Call<SwarmUpdate, Config>;
  readonly createPlugin: Call<Abortable & { readonly name?: string }, Plugin>;
  /** Progress lines of a pull or an import. */
  readonly createImage: CallWithAuth<CreateImageOptions, Readable>;
  /** Progress lines of a load from a docker-archive or OCI layout tar. */
  readonly loadImage: CallWith<
    Archive,
    Abortable & { readonly quiet?: boolean; readonly platform?: string },
    Readable
  >;
  /** Progress lines of an import of a root file system's tar. */
  readonly importImage: CallWith<Archive, CreateImageOptions, Readable>;
  /** Progress lines of a build from a tar, or from a folder's files. */
  readonly buildImage: CallWith<Archive | BuildContext, BuildOptions, Readable>;

  constructor(options: DockerOptions = optionsFromEnvironment(process.env)) {
    const transport = new Transport(options);
    super(transport);
    this.longshore = new Longshore(transport);
    const { caller } = this;
    const create = <O extends object, T>(
      path: string,
      make: (made: { readonly Id: string; readonly ID: string; readonly Name: string }) => T,
      takes: Endpoint["takes"] = "body",
    ): ((options: O) => Promise<T>) => {
      return async (given) => make(await caller.ask({ method: "POST", path, takes }, given));
    };
    this.createContainer = call(async ({ name, ...given }) => {
      const endpoint: Endpoint = {
        method: "POST",
        path: "/containers/create",
        takes: ["name", "platform"],
      };
      const named = name === undefined || name === "" ? given : { ...given, name };
      const { Id } = await caller.ask<CreatedContainer>(endpoint, named);
      return new Container(caller, Id);
    });
    this.createVolume = call(create("/volumes/create", ({ Name }) => new Volume(caller, Name)));
    this.createNetwork = call(create("/networks/create", ({ Id }) => new Network(caller, Id)));
    this.createSecret = call(create("/secrets/create", ({ ID }) => new Secret(caller, ID)));
    this.createConfig = call(create("/configs/create", ({ ID }) => new Config(caller, ID)));
    this.createService = callWithAuth(create("/services/create", ({ ID }) => new Service(caller, ID)));
    this.createPlugin = call(async (given) => {
      await caller.ask<null>({ method: "POST", path: "/plugins/create", takes: ["name"] }, given);
      return new Plugin(caller, given.name ?? "");
    });
    const images: Endpoint = { method: "POST", path: "/images/create" };
    this.createImage = callWithAuth((given) => caller.open(images, given));
    this.importImage = callWith((file, given) => caller.open(images, { ...given, fromSrc: "-" }, file));
    this.loadImage = callWith((file, given) =>
      caller.open({ method: "POST", path: "/images/load" }, given, file),
    );
    this.buildImage = callWith((file, { cachefrom, ...given }) => {
      const tar = isContext(file) ? Readable.from(packContext(file)) : file;
      const query = Array.isArray(cachefrom)
        ? { ...given, cachefrom: JSON.stringify(cachefrom) }
        : { ...given, cachefrom };
      return caller.open({ method: "POST", path: "/build" }, query, tar);
    });
  }

  getContainer(id: string): Container {
    return new Container(this.caller, id);
  }
  getImage(name: string): Image {
    return new Image(this.caller, name);
  }
  getVolume(name: string): Volume {
    return new Volume(this.caller, name);
  }
  getNetwork(id: string): Network {
    return new Network(this.caller, id);
  }
  getExec(id: string): Exec {
    return new Exec(this.caller, id);
  }
  getPlugin(name: string, remote?: string): Plugin {
    return new Plugin(this.caller, name, remote);
  }
  getService(id: string): Service {
    return new Service(this.caller, id);
  }
  getTask(id: string): Task {
    return new Task(this.caller, id);
  }
  getNode(id: string): Node {
    return new Node(this.caller, id);
  }
  getSecret(id: string): Secret {
    return new Secret(this.caller, id);
  }
  getConfig(id: string): Config {
    return new Config(this.caller, id);
  }

  /** Progress lines of a pull. A name without tag or digest means `latest`, as the docker CLI does. */
  pull(reference: string, options?: PullOptions): Promise<Readable>;
  pull(reference: string, callback: Callback<Readable>): void;
  pull(
    reference: string,
    options: PullOptions | undefined,
    callback: Callback<Readable>,
    auth?: object,
  ): void;
  pull(
    reference: string,
    options: PullOptions | undefined,
    callback: undefined,
    auth: object,
  ): Promise<Readable>;
  pull(
    reference: string,
    first?: PullOptions | Callback<Readable>,
    second?: Callback<Readable>,
    auth?: object,
  ): Promise<Readable> | void {
    return this.#pull(splitReference(reference), first, second, auth);
  }

  /** The same for all tags of a name. */
  pullAll(repository: string, options?: PullOptions): Promise<Readable>;
  pullAll(repository: string, callback: Callback<Readable>): void;
  pullAll(
    repository: string,
    options: PullOptions | undefined,
    callback: Callback<Readable>,
    auth?: object,
  ): void;
  pullAll(
    repository: string,
    first?: PullOptions | Callback<Readable>,
    second?: Callback<Readable>,
    auth?: object,
  ): Promise<Readable> | void {
    return this.#pull({ fromImage: splitReference(repository).fromImage }, first, second, auth);
  }

  #pull(
    what: CreateImageOptions,
    first: PullOptions | Callback<Readable> | undefined,
    second: Callback<Readable> | undefined,
    auth: object | undefined,
  ): Promise<Readable> | void {
    const [options, callback] = typeof first === "function" ? [{}, first] : [first ?? {}, second];
    const credentials = auth === undefined ? {} : { authconfig: auth };
    return settle(this.createImage({ ...what, ...credentials, ...options }), callback);
  }

  /** Like `docker run`: creates, attaches, starts and waits. The container stays unless it was created with AutoRemove. */
  run(...told: RunArguments): Promise<[RunResult, Container]>;
  run(...told: readonly [...RunArguments, RunCallback]): EventEmitter;
  run(...told: readonly unknown[]): Promise<[RunResult, Container]> | EventEmitter {
    const callback = told.find((value) => typeof value === "function") as RunCallback | undefined;
    const rest = told.filter((value) => typeof value !== "function") as unknown as RunArguments;
    return callback === undefined ? this.runPromise(...rest) : this.runCallback(...rest, callback);
  }

  async runPromise(...told: RunArguments): Promise<[RunResult, Container]> {
    return await run(this.createContainer, toldBy(told));
  }

  /** Says `container`, `stream`, `start` and `data` on the emitter that it answers at once. */
  runCallback(...told: readonly [...RunArguments, RunCallback]): EventEmitter {
    const rest = told.filter((value) => typeof value !== "function") as unknown as RunArguments;
    return runWithCallback(
      this.createContainer,
      toldBy(rest),
      told.findLast((value) => typeof value === "function") as RunCallback,
    );
  }
}

function isContext(file: Archive | BuildContext): file is BuildContext {
  return typeof file === "object" && "context" in file;
}
