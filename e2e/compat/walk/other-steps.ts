import { type Step, step } from "./steps.ts";

/** Networks and volumes, while the containers of the journey before are there. */
export const networkAndVolumeSteps: readonly Step[] = [
  step("GET /networks", '/networks?filters={"driver":["bridge"]}', 200),
  step("GET /networks", '/networks?filters={"type":["odd"]}', 400),
  step("GET /networks/{id}", "/networks/walk-net?verbose=1&scope=local", 200),
  step("GET /networks/{id}", "/networks/walk-net?verbose=perhaps", 400),
  step("GET /networks/{id}", "/networks/walk-net?scope=swarm", 404),
  step("GET /networks/{id}", "/networks/nosuch", 404, { says: /network nosuch not found/ }),
  step("POST /networks/create", "/networks/create", 201, {
    body: {
      Name: "walk-other",
      CheckDuplicate: true,
      Driver: "bridge",
      Internal: true,
      EnableIPv6: true,
      IPAM: {
        Config: [
          { Subnet: "10.218.7.0/24", IPRange: "10.218.7.128/25", AuxiliaryAddresses: { a: "10.218.7.9" } },
        ],
      },
      Options: { "com.docker.network.bridge.enable_icc": "false" },
    },
  }),
  step("POST /networks/create", "/networks/create", 409, { body: { Name: "walk-other" } }),
  step("POST /networks/create", "/networks/create", 403, { body: { Name: "bridge" } }),
  step("POST /networks/create", "/networks/create", 404, {
    body: { Name: "walk-odd", Driver: "odd" },
    says: /plugin/,
  }),
  step("POST /networks/create", "/networks/create", 400, { body: { Name: "" } }),
  step("POST /networks/{id}/connect", "/networks/walk-other/connect", 200, {
    body: { Container: "ended", EndpointConfig: { Aliases: ["x"] } },
  }),
  // As Docker: one that does not run has all that it is to have.
  step("POST /networks/{id}/connect", "/networks/walk-other/connect", 200, { body: { Container: "ended" } }),
  step("POST /containers/{id}/start", "/containers/running/start", 204),
  step("POST /networks/{id}/connect", "/networks/walk-other/connect", 200, {
    body: { Container: "running" },
  }),
  step("POST /networks/{id}/connect", "/networks/walk-other/connect", 403, {
    body: { Container: "running" },
    says: /already exists in network/,
  }),
  step("POST /networks/{id}/disconnect", "/networks/walk-other/disconnect", 200, {
    body: { Container: "running" },
  }),
  step("POST /containers/{id}/stop", "/containers/running/stop?t=0&signal=SIGKILL", 204),
  step("POST /networks/{id}/connect", "/networks/nosuch/connect", 404, { body: { Container: "ended" } }),
  step("POST /networks/{id}/connect", "/networks/walk-other/connect", 400, {
    body: { Container: "ended", EndpointConfig: { IPAMConfig: { LinkLocalIPs: ["169.254.1.1"] } } },
  }),
  step("POST /networks/{id}/disconnect", "/networks/walk-other/disconnect", 200, {
    body: { Container: "ended" },
  }),
  step("POST /networks/{id}/disconnect", "/networks/walk-other/disconnect", 403, {
    body: { Container: "ended" },
  }),
  step("POST /networks/{id}/disconnect", "/networks/nosuch/disconnect", 404, {
    body: { Container: "ended", Force: false },
  }),
  step("DELETE /networks/{id}", "/networks/walk-other", 204),
  step("DELETE /networks/{id}", "/networks/bridge", 403, { says: /pre-defined/ }),
  step("DELETE /networks/{id}", "/networks/nosuch", 404),
  step("POST /networks/prune", '/networks/prune?filters={"label":["nobody"]}', 200),
  step("POST /networks/prune", '/networks/prune?filters={"odd":["x"]}', 400),
  step("POST /volumes/create", "/volumes/create", 201, {
    body: { Name: "walk-more", Driver: "local", Labels: { a: "b" }, DriverOpts: {} },
  }),
  step("POST /volumes/create", "/volumes/create", 400, { body: { Name: "/" } }),
  step("GET /volumes", '/volumes?filters={"dangling":["true"]}', 200),
  step("GET /volumes", '/volumes?filters={"odd":["x"]}', 400),
  step("GET /volumes/{name}", "/volumes/walk-more", 200),
  step("GET /volumes/{name}", "/volumes/nosuch", 404, { says: /no such volume/ }),
  step("PUT /volumes/{name}", "/volumes/walk-more?version=1", 503, {
    body: { Spec: {} },
    says: /This node is not a swarm manager/,
  }),
  step("DELETE /volumes/{name}", "/volumes/walk-more?force=0", 204),
  step("DELETE /volumes/{name}", "/volumes/walk-data", 409, { says: /volume is in use/ }),
  step("DELETE /volumes/{name}", "/volumes/nosuch", 404),
  step("POST /volumes/prune", "/volumes/prune", 200),
  step("POST /volumes/prune", '/volumes/prune?filters={"odd":["x"]}', 400),
];

export const systemSteps: readonly Step[] = [
  step("GET /_ping", "/_ping", 200, { type: "text/plain", says: /^OK$/ }),
  step("HEAD /_ping", "/_ping", 200, { type: "text/plain" }),
  step("GET /info", "/info", 200),
  step("GET /version", "/version", 200),
  step("GET /system/df", "/system/df", 200),
  step("GET /system/df", "/system/df?type=odd", 400, { minMinor: 42 }),
  step("GET /events", "/events?since=1&until=$now", 200, { isLines: true, says: /"Type":"container"/ }),
  step("GET /events", "/events?since=2&until=1", 400),
  step("GET /plugins", '/plugins?filters={"enabled":["true"]}', 200),
  step("GET /plugins", '/plugins?filters={"odd":["x"]}', 400),
  step("GET /plugins/{name}/json", "/plugins/nosuch/json", 404, { says: /nosuch/ }),
];
