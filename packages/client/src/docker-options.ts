import type { Abortable, Call } from "./call.ts";

/** As an object, or as the JSON that Docker is sent. */
export type Filters =
  | Readonly<Record<string, readonly string[] | Readonly<Record<string, boolean>>>>
  | string;

export interface Filtered extends Abortable {
  readonly filters?: Filters;
}

export interface EventsOptions extends Filtered {
  readonly since?: number | string;
  readonly until?: number | string;
}

export interface ListContainersOptions extends Filtered {
  readonly all?: boolean;
  readonly limit?: number;
  readonly size?: boolean;
}

export interface CreateImageOptions extends Abortable {
  readonly fromImage?: string;
  readonly fromSrc?: string;
  readonly repo?: string;
  readonly tag?: string;
  readonly message?: string;
  readonly platform?: string;
  readonly changes?: string | readonly string[];
  readonly authconfig?: object;
}

export interface PullOptions extends Abortable {
  readonly authconfig?: object;
  readonly platform?: string;
}

/** Words of the build's query; objects and lists go as JSON, `t` and `extrahosts` once for each value. */
export interface BuildOptions extends Abortable {
  readonly t?: string | readonly string[];
  readonly dockerfile?: string;
  readonly buildargs?: Readonly<Record<string, string>> | string;
  readonly labels?: Readonly<Record<string, string>> | string;
  readonly cachefrom?: readonly string[] | string;
  readonly registryconfig?: object;
  readonly authconfig?: object;
  readonly [word: string]: unknown;
}

export interface Credentials extends Abortable {
  readonly username?: string;
  readonly password?: string;
  readonly email?: string;
  readonly serveraddress?: string;
  readonly identitytoken?: string;
}

export interface SearchOptions extends Filtered {
  readonly term?: string;
  readonly limit?: number;
  readonly authconfig?: object;
}

export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
  readonly is_automated?: boolean;
}

export type Prune = Call<Filtered, Readonly<Record<string, unknown>>>;
