import type {
  ContainerChange,
  ContainerInspect,
  ContainerSummary,
  CreateContainerRequest,
  CreatedContainer,
  EngineEvent,
  EngineInfo,
  EngineVersion,
  ExecInspect,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  Network,
  ProcessList,
  ProgressLine,
  Volume,
} from "./docker.ts";
import type {
  ImageLayers,
  LayerFile,
  LayerFiles,
  ReclaimResult,
  Restored,
  StarterState,
  TrashLimits,
  TrashReport,
} from "./longshore.ts";

/** What the window may ask of its main process, by name: arguments and answer. Nothing else crosses. */
export interface BridgeCalls {
  "engine.state": { args: NoArguments; result: EngineState };
  "engine.retry": { args: NoArguments; result: null };
  "engine.info": { args: NoArguments; result: { info: EngineInfo; version: EngineVersion } };
  /** `ids` empty: all of them. */
  "containers.list": {
    args: { withSizes: boolean; ids: readonly string[] };
    result: readonly ContainerSummary[];
  };
  "containers.inspect": { args: { id: string }; result: ContainerInspect };
  "containers.create": {
    args: { name: string; request: CreateContainerRequest; start: boolean };
    result: CreatedContainer;
  };
  "containers.act": { args: { id: string; action: ContainerAction }; result: null };
  "containers.rename": { args: { id: string; name: string }; result: null };
  /** Removals go into the trash, and nothing is removed by an engine that has none: `forGood` asks for the other way. */
  "containers.remove": {
    args: { id: string; force: boolean; volumes: boolean; forGood: boolean };
    result: Removed;
  };
  "containers.changes": { args: { id: string }; result: readonly ContainerChange[] };
  "containers.top": { args: { id: string }; result: ProcessList };
  "containers.files": { args: { id: string; path: string }; result: FolderListing };
  "containers.file": { args: { id: string; path: string }; result: FileContent };
  "containers.saveFile": { args: { id: string; path: string }; result: SavedFile | null };
  "containers.saveFolder": { args: { id: string; path: string }; result: SavedFile | null };
  "containers.upload": { args: { id: string; path: string }; result: UploadedFiles | null };
  "containers.detectShell": { args: { id: string }; result: { command: readonly string[] | null } };
  "exec.inspect": { args: { id: string }; result: ExecInspect };
  "images.list": { args: NoArguments; result: readonly ImageSummary[] };
  "images.inspect": { args: { id: string }; result: ImageInspect };
  "images.history": { args: { id: string }; result: readonly ImageHistoryItem[] };
  "images.layers": { args: { id: string }; result: ImageLayers };
  "images.files": { args: { id: string; path: string }; result: LayerFiles };
  "images.tag": { args: { id: string; reference: string }; result: null };
  "images.remove": { args: { id: string; force: boolean; forGood: boolean }; result: Removed };
  "images.save": { args: { reference: string }; result: SavedFile | null };
  "images.chooseArchive": {
    args: NoArguments;
    result: { token: string; name: string; sizeBytes: number } | null;
  };
  "layers.files": { args: { chainId: string; path: string }; result: LayerFiles };
  "layers.file": { args: { chainId: string; path: string }; result: FileContent };
  "layers.saveFile": { args: { chainId: string; path: string }; result: SavedFile | null };
  "starter.state": { args: NoArguments; result: StarterState };
  "volumes.list": { args: NoArguments; result: readonly Volume[] };
  "volumes.create": { args: { name: string }; result: Volume };
  "volumes.remove": { args: { name: string; force: boolean; forGood: boolean }; result: Removed };
  "networks.list": { args: NoArguments; result: readonly Network[] };
  "networks.inspect": { args: { id: string }; result: Network };
  "networks.create": { args: { name: string; internal: boolean; subnet: string }; result: { Id: string } };
  "networks.remove": { args: { id: string }; result: null };
  "trash.list": { args: NoArguments; result: TrashReport };
  /** `name` empty: its own. `volumes` gives other names to volumes that come back with it, by their own. */
  "trash.restore": {
    args: { id: string; name: string; volumes: Readonly<Record<string, string>> };
    result: Restored;
  };
  /** For good. `ids` null: all of it. */
  "trash.empty": { args: { ids: readonly string[] | null }; result: ReclaimResult };
  "links.open": { args: { url: string }; result: null };
  "clipboard.write": { args: { text: string }; result: null };
  "text.save": { args: { suggestedName: string; text: string }; result: SavedFile | null };
  "app.about": { args: NoArguments; result: AboutApp };
  "settings.read": { args: NoArguments; result: Settings };
  "settings.write": { args: Partial<Settings>; result: Settings };
}

/** Streams over a MessagePort with credits: arguments, what comes, and what the end tells. */
export interface BridgeStreams {
  "engine.watch": { args: NoArguments; item: EngineState; end: null };
  events: { args: NoArguments; item: EngineEvent; end: null };
  stats: { args: { ids: readonly string[] }; item: readonly StatsSample[]; end: null };
  /** Every line begins with its time, RFC 3339 with nanoseconds, and a space. */
  logs: { args: { id: string; tail: number; since: string }; item: readonly LogChunk[]; end: null };
  exec: {
    args: { id: string; command: readonly string[]; columns: number; rows: number };
    item: TerminalOutput;
    end: { exitCode: number | null };
  };
  attach: {
    args: { id: string; columns: number; rows: number };
    item: TerminalOutput;
    end: { exitCode: number | null };
  };
  pull: { args: { reference: string }; item: ProgressLine; end: null };
  load: { args: { token: string }; item: ProgressLine; end: null };
  "starter.load": { args: NoArguments; item: ProgressLine; end: null };
}

export type NoArguments = Readonly<Record<string, never>>;
export type CallName = keyof BridgeCalls;
export type StreamName = keyof BridgeStreams;
export type ContainerAction = "start" | "stop" | "restart" | "pause" | "unpause" | "kill";

/** Where the engine is in its life, as the start screen tells it. */
export interface EngineState {
  readonly phase: "starting" | "ready" | "failed" | "lost";
  /** True when the engine answers `/longshore/v1`; false hides what only it can do. */
  readonly isLongshore: boolean;
  /** What its trash promises; null when every removal is for good: another's engine, or its trash is off. */
  readonly trash: TrashLimits | null;
  readonly endpoint: string;
  /** True when this window started the engine, false when it joined one. */
  readonly isOurs: boolean;
  readonly steps: readonly StartStep[];
  readonly failure?: { readonly message: string; readonly hint: string; readonly log: string };
}

export interface StartStep {
  readonly name: string;
  readonly state: "waiting" | "running" | "done" | "failed";
  readonly tookMs: number;
  readonly detail: string;
}

export interface Removed {
  /** Its entry in the trash; null when it went for good, or when nothing was left to remove. */
  readonly entry: string | null;
}

export interface StatsSample {
  readonly id: string;
  /** Share of one core in percent, as `docker stats` counts. */
  readonly cpuPercent: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly processes: number;
}

export interface LogChunk {
  readonly source: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

export interface TerminalOutput {
  readonly bytes: Uint8Array;
}

export interface FolderListing {
  readonly entries: readonly LayerFile[];
  /** The listing stopped here; more exist. */
  readonly isCut: boolean;
}

export interface FileContent {
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
  readonly isCut: boolean;
}

export interface SavedFile {
  readonly name: string;
  readonly sizeBytes: number;
}

export interface UploadedFiles {
  readonly names: readonly string[];
}

export interface Settings {
  readonly theme: "system" | "light" | "dark";
  readonly density: "compact" | "default" | "roomy";
  /** Closing the window hides it in the tray; without a tray host it is as false. */
  readonly staysInTray: boolean;
}

export interface AboutApp {
  readonly version: string;
  /** False where a tray icon would be seen by nobody. */
  readonly hasTrayHost: boolean;
}

/** How a failed call or stream arrives: words, Docker's status where the engine answered, and a kind to act upon. */
export interface BridgeError {
  readonly kind: "engine" | "unreachable" | "invalid" | "refused" | "unsupported" | "cancelled" | "internal";
  readonly message: string;
  readonly status?: number;
}

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: BridgeError };

/** From the main process over a stream's port. */
export type StreamMessage<Item, End> =
  | { readonly kind: "item"; readonly item: Item; readonly cost: number }
  | { readonly kind: "end"; readonly end: End }
  | { readonly kind: "error"; readonly error: BridgeError };

/** From the window over a stream's port. */
export type StreamControl =
  | { readonly kind: "credit"; readonly cost: number }
  | { readonly kind: "input"; readonly bytes: Uint8Array }
  | { readonly kind: "resize"; readonly columns: number; readonly rows: number }
  | { readonly kind: "close" };

/** A stream's producer pauses above this many bytes that the window has not yet taken. */
export const streamWindowBytes: number = 1024 * 1024;

/** What the preload script puts on `window`. */
export interface WindowBridge {
  readonly platform: string;
  call<N extends CallName>(name: N, args: BridgeCalls[N]["args"]): Promise<Answer<BridgeCalls[N]["result"]>>;
  /** The port arrives as a message event on the window: `{ longshorePort: id }`. */
  openStream<N extends StreamName>(
    name: N,
    args: BridgeStreams[N]["args"],
    id: string,
  ): Promise<Answer<null>>;
}

/** The names of the only channels between window and main process. */
export const bridgeChannels: { readonly call: string; readonly open: string; readonly port: string } = {
  call: "longshore:call",
  open: "longshore:open",
  port: "longshore:port",
};
