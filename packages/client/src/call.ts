import type { DockerError } from "./errors.ts";

/** Node's callback: an error, or the answer. */
export type Callback<T> = (error: DockerError | Error | null, result?: T) => void;

/** A method in dockerode's three forms: promise, callback, options and callback. */
export interface Call<Options, Result> {
  (options?: Options): Promise<Result>;
  (callback: Callback<Result>): void;
  (options: Options | undefined, callback: Callback<Result>): void;
}

/** Gives a promise function the callback forms as well. */
export function call<Options, Result>(run: (options: Options) => Promise<Result>): Call<Options, Result> {
  function both(first?: Options | Callback<Result>, second?: Callback<Result>): Promise<Result> | void {
    const callback = typeof first === "function" ? (first as Callback<Result>) : second;
    const options = typeof first === "function" ? undefined : first;
    // Options all of whose fields may be absent default to none; required ones are checked by the type of the call.
    const answer = run(options ?? ({} as Options));
    if (callback === undefined) return answer;
    deliver(answer, callback);
  }
  return both as Call<Options, Result>;
}

/** Calls back outside the promise chain, so that a throwing callback is the caller's uncaught error, not a lost rejection. */
export function deliver<Result>(answer: Promise<Result>, callback: Callback<Result>): void {
  answer.then(
    (result) => queueMicrotask(() => callback(null, result)),
    (error: Error) => queueMicrotask(() => callback(error)),
  );
}

/** Options that every call takes beside its own. */
export interface Abortable {
  readonly abortSignal?: AbortSignal;
}
