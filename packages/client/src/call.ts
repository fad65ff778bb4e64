import type { DockerError } from "./errors.ts";

/** Node's callback: an error, or the answer. */
export type Callback<T> = (error: DockerError | Error | null, result?: T) => void;

/** A method in dockerode's three forms: promise, callback, options and callback. */
export interface Call<Options, Result> {
  (options?: Options): Promise<Result>;
  (callback: Callback<Result>): void;
  (options: Options | undefined, callback: Callback<Result>): void;
}

/** The same with one value ahead: a name, or the bytes to send. */
export interface CallWith<First, Options, Result> {
  (first: First, options?: Options): Promise<Result>;
  (first: First, callback: Callback<Result>): void;
  (first: First, options: Options | undefined, callback: Callback<Result>): void;
}

/** The same with a registry's credentials ahead, or among the options as `authconfig`. */
export interface CallWithAuth<Options, Result> {
  (options?: Options): Promise<Result>;
  (callback: Callback<Result>): void;
  (options: Options, callback: Callback<Result>): void;
  (auth: object | undefined, options: Options): Promise<Result>;
  (auth: object | undefined, options: Options, callback: Callback<Result>): void;
}

type Run<Options, Result> = (options: Options) => Promise<Result>;

/** Gives a promise function the callback forms as well. */
export function call<Options, Result>(run: Run<Options, Result>): Call<Options, Result> {
  return ((...given: readonly unknown[]) => {
    const [values, callback] = splitCallback<Result>(given);
    // Options all of whose fields may be absent default to none; required ones are checked by the type of the call.
    return settle(run((values[0] ?? {}) as Options), callback);
  }) as Call<Options, Result>;
}

export function callWith<First, Options, Result>(
  run: (first: First, options: Options) => Promise<Result>,
): CallWith<First, Options, Result> {
  return ((first: First, ...given: readonly unknown[]) => {
    const [values, callback] = splitCallback<Result>(given);
    return settle(run(first, (values[0] ?? {}) as Options), callback);
  }) as CallWith<First, Options, Result>;
}

export function callWithAuth<Options extends object, Result>(
  run: Run<Options, Result>,
): CallWithAuth<Options, Result> {
  return ((...given: readonly unknown[]) => {
    const [values, callback] = splitCallback<Result>(given);
    const [auth, options] = values[1] === undefined ? [undefined, values[0]] : values;
    const own = auth === undefined ? {} : { authconfig: auth };
    return settle(run({ ...(options as Options | undefined), ...own } as Options), callback);
  }) as CallWithAuth<Options, Result>;
}

function splitCallback<Result>(
  given: readonly unknown[],
): [values: readonly unknown[], callback: Callback<Result> | undefined] {
  const at = given.findIndex((value) => typeof value === "function");
  return at === -1 ? [given, undefined] : [given.slice(0, at), given[at] as Callback<Result>];
}

/** The promise itself without a callback; nothing with one. */
export function settle<Result>(
  answer: Promise<Result>,
  callback: Callback<Result> | undefined,
): Promise<Result> | void {
  if (callback === undefined) return answer;
  // Outside the promise chain, so that a throwing callback is the caller's uncaught error, not a lost rejection.
  answer.then(
    (result) => queueMicrotask(() => callback(null, result)),
    (error: Error) => queueMicrotask(() => callback(error)),
  );
}

/** Options that every call takes beside its own. */
export interface Abortable {
  readonly abortSignal?: AbortSignal;
  /** The whole query, where options would go to both query and body, or the wrong one. */
  readonly _query?: Readonly<Record<string, unknown>>;
  /** The whole body, likewise. */
  readonly _body?: unknown;
}
