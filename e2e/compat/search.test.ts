import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker } from "./docker.ts";

let docker: Docker;
const asked: string[] = [];
const results = [
  { name: "nginx", description: "web server", star_count: 900, is_official: true },
  { name: "me/nginx", description: "mine", star_count: 2, is_official: false },
];
const index = createServer((request, response) => {
  if (request.url?.startsWith("/v1/_ping") === true) return void response.end();
  asked.push(request.url ?? "");
  response.end(JSON.stringify({ results }));
});
let host = "";
beforeAll(async () => {
  docker = await openDocker();
  await new Promise<void>((done) => index.listen(0, "127.0.0.1", done));
  host = `127.0.0.1:${(index.address() as AddressInfo).port}`;
});
afterAll(async () => {
  index.closeAllConnections();
  index.close();
  await docker[Symbol.asyncDispose]();
});

test("docker search asks a host's index and keeps what the filters let through", async () => {
  const format = ["--format", "{{.Name}} {{.StarCount}} {{.IsOfficial}}"];
  expect(await docker.ok("search", ...format, "--limit", "7", `${host}/nginx`)).toBe(
    "nginx 900 [OK]\nme/nginx 2",
  );
  expect(asked.at(-1)).toBe("/v1/search?q=nginx&n=7");
  expect(await docker.ok("search", ...format, "--filter", "stars=3", `${host}/nginx`)).toBe("nginx 900 [OK]");
  expect(await docker.ok("search", ...format, "--filter", "is-official=false", `${host}/nginx`)).toBe(
    "me/nginx 2",
  );
});

test("docker search refuses in Docker's words", async () => {
  const refusal = async (...args: readonly string[]): Promise<string> =>
    (await docker("search", ...args)).stderr;
  expect(await refusal("--limit", "101", `${host}/x`)).toContain(
    "limit 101 is outside the range of [1, 100]",
  );
  expect(await refusal("--filter", "stars=many", `${host}/x`)).toContain("invalid filter 'stars=[many]'");
  expect(await refusal("--filter", "size=1", `${host}/x`)).toContain("invalid filter 'size'");
  expect(await refusal("127.0.0.1:9/x")).toMatch(/connection refused/);
});
