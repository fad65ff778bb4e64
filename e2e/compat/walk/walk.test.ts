import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type EngineUnderTest,
  type Gate,
  type Registry,
  startEngine,
  startGate,
  startRegistry,
} from "@longshore/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type ApiDescription,
  type DescribedOperation,
  faultsOf,
  readDescription,
} from "../engine-api/schema.ts";
import { containerSteps } from "./container-steps.ts";
import { imageSteps, lastImageSteps } from "./image-steps.ts";
import { networkAndVolumeSteps, systemSteps } from "./other-steps.ts";
import { type Answer, send, type Step } from "./steps.ts";

/**
 * Every operation of the Engine API, at its oldest version here and its newest, on a real engine: its success, and each error that the
 * description names. Every answer is held against the description of its version.
 */
const VERSIONS = ["1.41", "1.51"] as const;
const steps = [...imageSteps, ...containerSteps, ...networkAndVolumeSteps, ...lastImageSteps, ...systemSteps];

/** What Docker Engine answers too, though its description leaves it out: bad input, a missing object, a state in the way. */
const BEYOND = [400, 401, 403, 404, 409];

/** Described, and never answered: by Docker Engine neither, but for what is said. */
const NEVER: Readonly<Record<string, readonly number[]>> = {
  "POST /auth": [204],
  "POST /images/{name}/tag": [409],
  "GET /containers/{id}/attach/ws": [200],
  "GET /plugins/{name}/json": [200],
  "PUT /volumes/{name}": [200, 400, 404],
};

/** Members that only older clients read, and later descriptions leave out. */
const OLDER = ["status", "id", "from", "BuilderSize"].map((name) => `$.${name}: is not described`);

const OCTETS = ["application/octet-stream", "application/x-tar"];
const index = createServer((request, response) => {
  const results = [{ name: "nginx", description: "web server", star_count: 9, is_official: true }];
  response.end(request.url?.startsWith("/v1/_ping") === true ? "" : JSON.stringify({ results }));
});
let registry: Registry;
let gate: Gate;
beforeAll(async () => {
  registry = await startRegistry();
  gate = await startGate(registry.host, { auth: "basic", users: { u: "p" } });
  await new Promise<void>((done) => index.listen(0, "127.0.0.1", done));
});
afterAll(async () => {
  index.closeAllConnections();
  index.close();
  await gate[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

describe.each(VERSIONS)("API %s", (version) => {
  const api = readDescription(version);
  const known: Record<string, string> = {};
  const seen = new Map<string, Set<number>>();
  let engine: EngineUnderTest;
  beforeAll(async () => {
    engine = await startEngine();
    Object.assign(known, {
      registry: registry.host,
      gate: gate.host,
      index: `127.0.0.1:${(index.address() as AddressInfo).port}`,
    });
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  const own = steps.filter(({ minMinor = 0 }) => minMinor <= Number(version.split(".")[1]));
  test.each(own.map((step) => [`${step.call} -> ${step.status}`, step] as const))("%s", async (_, step) => {
    known["now"] = String(Date.now() / 1000);
    const answer = await answerOf(engine.socket, version, step, known);
    expect({ status: answer.status, text: textOf(answer) }).toEqual({
      status: step.status,
      text: step.says === undefined ? expect.anything() : expect.stringMatching(step.says),
    });
    const operation = operationOf(api, step.call);
    seen.set(step.call, (seen.get(step.call) ?? new Set()).add(step.status));
    expect(faultsOfAnswer(api, operation, step, answer)).toEqual([]);
    if (step.keep !== undefined)
      known[step.keep[0]] = (JSON.parse(textOf(answer)) as Record<string, string>)[step.keep[1]] ?? "";
  });

  const rest = operationsOf(api).filter((call) => steps.every((step) => step.call !== call));
  test.each(rest)("%s is refused in words", async (call) => {
    const at = (call.split(" ")[1] ?? "").replaceAll(/\{\w+\}/g, "some");
    const answer = await send(engine.socket, version, { call, at, status: 0, body: {} }, known);
    expect([501, 503]).toContain(answer.status);
    expect(errorFaults(api, answer)).toEqual([]);
    if (/^\/(swarm|nodes|services|tasks|secrets|configs)/.test(at) && answer.status === 503)
      expect(textOf(answer)).toMatch(/This node is not (a swarm manager|part of a swarm)/);
  });

  test("every status that the description names was seen", () => {
    const unseen = [...seen.keys()].flatMap((call) =>
      Object.keys(operationOf(api, call).responses)
        .map(Number)
        // Success of what isn't there can't be, and no test makes the engine fail.
        .filter((status) => status !== 500 && !isRefused(seen.get(call)))
        .filter((status) => seen.get(call)?.has(status) === false && NEVER[call]?.includes(status) !== true)
        .map((status) => `${call}: ${status}`),
    );
    expect(unseen).toEqual([]);
  });
});

const isRefused = (statuses: ReadonlySet<number> | undefined): boolean => statuses?.has(501) === true;

const textOf = (answer: Answer): string => answer.bytes.toString("latin1");

async function answerOf(
  socket: string,
  version: string,
  step: Step,
  known: Readonly<Record<string, string>>,
): Promise<Answer> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const answer = await send(socket, version, step, known);
    const isIt = answer.status === step.status && (step.says?.test(textOf(answer)) ?? true);
    if (isIt || step.isRepeated !== true || Date.now() > deadline) return answer;
    await sleep(50);
  }
}

const operationsOf = (api: ApiDescription): readonly string[] =>
  Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );

function operationOf(api: ApiDescription, call: string): DescribedOperation {
  const [method = "", path = ""] = call.split(" ");
  const found = api.paths[path]?.[method.toLowerCase()];
  // 1.41 has no PUT of volumes; Docker Engine serves every version by one table.
  return found ?? { responses: { 503: {} } };
}

function faultsOfAnswer(
  api: ApiDescription,
  operation: DescribedOperation,
  step: Step,
  answer: Answer,
): readonly string[] {
  if (answer.status === 501) return errorFaults(api, answer);
  const described = operation.responses[String(answer.status)];
  if (described === undefined && !BEYOND.includes(answer.status))
    return [`${answer.status} is not described`];
  if (answer.status >= 400) return step.call.startsWith("HEAD ") ? [] : errorFaults(api, answer);
  if (answer.status === 204 || answer.status === 304)
    return answer.bytes.length === 0 ? [] : ["a body where none may be"];
  const types = [...(operation.produces ?? api.produces ?? [])];
  const type = answer.type.split(";", 1)[0] ?? "";
  // The words for a stream of octets differ between the description and Docker Engine.
  const isNamed =
    types.includes(type) || (OCTETS.includes(type) && types.some((one) => OCTETS.includes(one)));
  const isEmpty = answer.bytes.length === 0 || step.upgrade === "websocket";
  const wrongType = (step.type === undefined ? isNamed : type.startsWith(step.type)) || isEmpty;
  const texts = step.isLines === true ? textOf(answer).trim().split(/\r?\n/) : [answer.bytes.toString()];
  return [
    ...(wrongType ? [] : [`content type ${answer.type}, want one of ${types.join(", ")}`]),
    ...(described?.schema === undefined || type !== "application/json"
      ? []
      : texts.flatMap((text) => faultsOf(api, described.schema ?? {}, JSON.parse(text)))),
  ].filter((fault) => !OLDER.includes(fault));
}

function errorFaults(api: ApiDescription, answer: Answer): readonly string[] {
  if (!answer.type.startsWith("application/json")) return [`an error of content type ${answer.type}`];
  return faultsOf(api, { $ref: "#/definitions/ErrorResponse" }, JSON.parse(answer.bytes.toString()));
}
