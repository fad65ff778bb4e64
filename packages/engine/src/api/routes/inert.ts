const ANSWER_ONLY = "what inspect tells of an endpoint; a client may send it back";

/** Fields of an endpoint that a client has from an answer. They ask for nothing. */
const answersOf = (prefix: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [
      "NetworkID",
      "EndpointID",
      "Gateway",
      "IPAddress",
      "IPPrefixLen",
      "IPv6Gateway",
      "GlobalIPv6Address",
      "GlobalIPv6PrefixLen",
      "DNSNames",
    ].map((name) => [`${prefix}.${name}`, ANSWER_ONLY]),
  );

export const INERT_AT_CREATE: Readonly<Record<string, string>> = {
  ...answersOf("NetworkingConfig.EndpointsConfig"),
  ArgsEscaped: "it is about Windows images; inspect tells it",
  "HostConfig.ContainerIDFile": "the client writes that file; inspect tells it",
  "HostConfig.Mounts.Consistency": "it is about shares into a virtual machine; inspect tells it",
  ...Object.fromEntries(
    ["Count", "DeviceIDs", "Options"].map((name) => [
      `HostConfig.DeviceRequests.${name}`,
      "every request is refused at start: there is no driver of devices",
    ]),
  ),
};
export const ANSWERS_AT_CONNECT: Readonly<Record<string, string>> = answersOf("EndpointConfig");

/** The description has `Manifests` only where an engine stores several platforms of one image. */
export const NO_MANIFESTS: Readonly<Record<string, string>> = {
  manifests: "`Manifests` belongs to stores of several platforms of one image; this one keeps one",
};
