import type { Logger } from "#kernel";
import type { Reference } from "#spec";
import type { Credentials, Registry, Repository } from "./contract.ts";
import { endpointsFor } from "./endpoint.ts";
import { HttpClient, type HttpLimits } from "./http-client.ts";
import { RemoteRepository } from "./repository.ts";
import { login } from "./login.ts";
import type { ProxySettings } from "./proxy.ts";
import { search } from "./search.ts";

export type * from "./contract.ts";
export { USUAL_CERTIFICATES } from "./certificates.ts";
export { type HttpLimits, USUAL_LIMITS } from "./http-client.ts";
export { proxiesOf, type ProxySettings, withoutSecrets } from "./proxy.ts";

export interface RegistryDeps {
  readonly log: Logger;
  readonly mirrors: readonly string[];
  /** Hosts or CIDR ranges that may speak plain HTTP. */
  readonly insecure: readonly string[];
  readonly limits?: HttpLimits;
  /** Folder of certificates by registry; Docker's when absent. */
  readonly certificates?: string;
  readonly proxies?: ProxySettings;
}

/** Opens the distribution client; disposing closes its connections. */
export function openRegistry(deps: RegistryDeps): Registry {
  const http = new HttpClient(deps);
  return {
    repository: (reference: Reference, credentials: Credentials | undefined, purpose): Repository =>
      new RemoteRepository(
        http,
        reference,
        endpointsFor(reference, purpose, deps.mirrors, deps.insecure),
        credentials,
        purpose,
      ),
    login: (credentials, signal) => login(http, deps.insecure, credentials, signal),
    search: (term, limit, credentials, signal) =>
      search(http, deps.insecure, { term, limit, credentials }, signal),
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}
