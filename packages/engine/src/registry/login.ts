import { LongshoreError } from "#kernel";
import type { Credentials } from "./contract.ts";
import { endpointsFor } from "./endpoint.ts";
import type { HttpClient } from "./http-client.ts";
import { noCredentials } from "./refusal.ts";
import { TokenAuth } from "./token-auth.ts";

/** GET /v2/ with the credentials; the registry's challenge decides how they travel. A token service may give an identity token in the password's place. */
export async function login(
  http: HttpClient,
  insecure: readonly string[],
  credentials: Credentials,
  signal: AbortSignal,
): Promise<{ identityToken: string; status: string }> {
  const address = (credentials.serveraddress ?? "").replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  const domain = address === "" || address === "index.docker.io" ? "docker.io" : address;
  let failure: unknown = new LongshoreError("unavailable", `registry ${domain} did not answer`);
  for (const { base, isInsecure, registry } of endpointsFor({ domain }, "push", [], insecure)) {
    const auth = new TokenAuth(http, credentials, { isInsecure, registry }, { isOffline: true });
    const url = `${base}/v2/`;
    try {
      for (let tries = 0; tries < 3; tries++) {
        const header = auth.header();
        const headers = header === undefined ? {} : { authorization: header };
        const response = await http.send({ method: "GET", url, headers, isInsecure, registry }, signal);
        await response.drop();
        if (response.status === 200) return { identityToken: auth.identityToken, status: "Login Succeeded" };
        const challenge = response.headers["www-authenticate"];
        if (response.status !== 401 || challenge === undefined)
          throw new LongshoreError(
            "unavailable",
            `login attempt to ${url} failed with status: ${response.status}`,
          );
        if (await answered(auth, [challenge].flat().join(", "), url, signal)) continue;
        if (!auth.hasName) throw noCredentials("GET", url);
        break;
      }
      throw new LongshoreError(
        "unauthorized",
        `login attempt to ${url} failed with status: 401 Unauthorized`,
      );
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
      if (!(error instanceof LongshoreError) || error.kind !== "unavailable") throw error;
    }
  }
  throw failure;
}

/** A token service's refusal is told with the request that led there, as Docker tells it. */
async function answered(
  auth: TokenAuth,
  challenge: string,
  url: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await auth.answer(challenge, "", signal);
  } catch (error) {
    if (error instanceof LongshoreError && error.kind === "unauthorized")
      throw new LongshoreError("unauthorized", `Get "${url}": ${error.message}`, { cause: error });
    throw error;
  }
}
