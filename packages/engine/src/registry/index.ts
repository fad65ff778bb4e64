import { LongshoreError, type Logger } from "#kernel";
import type { Reference } from "#spec";
import type { Credentials, Registry, Repository } from "./contract.ts";
import { endpointsFor } from "./endpoint.ts";
import { HttpClient, type HttpLimits } from "./http-client.ts";
import { RemoteRepository } from "./repository.ts";
import { TokenAuth } from "./token-auth.ts";

export type * from "./contract.ts";

export interface RegistryDeps {
  readonly log: Logger;
  readonly mirrors: readonly string[];
  /** Hosts or CIDR ranges that may speak plain HTTP. */
  readonly insecure: readonly string[];
  readonly limits?: HttpLimits;
}

/** Opens the distribution client; disposing closes its connections. */
export function openRegistry(deps: RegistryDeps): Registry {
  const http = new HttpClient(deps.limits);
  return {
    repository: (reference: Reference, credentials: Credentials | undefined, purpose): Repository =>
      new RemoteRepository(
        http,
        reference,
        endpointsFor(reference, purpose, deps.mirrors, deps.insecure),
        credentials,
        purpose,
      ),
    login: (credentials, signal) => login(http, deps, credentials, signal),
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

/** GET /v2/ with the credentials; the registry's challenge decides how they travel. */
async function login(
  http: HttpClient,
  deps: RegistryDeps,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<{ identityToken: string; status: string }> {
  const address = (credentials.serveraddress ?? "").replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  const domain = address === "" || address === "index.docker.io" ? "docker.io" : address;
  let failure: unknown = new LongshoreError("unavailable", `registry ${domain} did not answer`);
  for (const endpoint of endpointsFor({ domain }, "push", [], deps.insecure)) {
    const auth = new TokenAuth(http, credentials, endpoint.isInsecure);
    try {
      for (let tries = 0; tries < 3; tries++) {
        const header = auth.header();
        const response = await http.send(
          {
            method: "GET",
            url: `${endpoint.base}/v2/`,
            headers: header === undefined ? {} : { authorization: header },
            isInsecure: endpoint.isInsecure,
          },
          signal,
        );
        await response.drop();
        if (response.status === 200) return { identityToken: "", status: "Login Succeeded" };
        const challenge = response.headers["www-authenticate"];
        if (response.status !== 401 || challenge === undefined)
          throw new LongshoreError(
            "unavailable",
            `login attempt to ${endpoint.base}/v2/ failed with status: ${response.status}`,
          );
        if (!(await auth.answer([challenge].flat().join(", "), "", signal))) break;
      }
      throw new LongshoreError(
        "unauthorized",
        `login attempt to ${endpoint.base}/v2/ failed with status: 401 Unauthorized`,
      );
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
      if (!(error instanceof LongshoreError) || error.kind !== "unavailable") throw error;
    }
  }
  throw failure;
}
