import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, STARTER } from "./docker.ts";

/** `docker run --link` on the default bridge, as Docker did it before networks had names. */
let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

const SLEEP = [STARTER, "sleep", "1000"];

test("a link tells of the other container by /etc/hosts and by variables, and follows it", async () => {
  const [db, web, squatter] = [docker.fresh("db"), docker.fresh("web"), docker.fresh("squatter")];
  await docker.ok(
    "run",
    "-d",
    "--name",
    db,
    "-e",
    "COLOUR=red",
    "--expose",
    "5432",
    "--expose",
    "53/udp",
    ...SLEEP,
  );
  await docker.ok(
    "run",
    "-d",
    "--name",
    web,
    "--link",
    `${db}:my-db`,
    "-e",
    "MY_DB_ENV_COLOUR=blue",
    ...SLEEP,
  );
  const address = (name: string): Promise<string> =>
    docker.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name);
  const hostsLine = async (): Promise<string | undefined> =>
    (await docker.ok("exec", web, "cat", "/etc/hosts")).split("\n").find((line) => line.includes("my-db"));
  const ip = await address(db);
  const hostname = await docker.ok("inspect", "-f", "{{.Config.Hostname}}", db);
  expect(await hostsLine()).toBe(`${ip}\tmy-db ${hostname} ${db}`);
  const environment = (await docker.ok("exec", web, "env"))
    .split("\n")
    .filter((line) => line.startsWith("MY_DB") && !line.includes("8080"));
  expect(environment.toSorted()).toEqual([
    "MY_DB_ENV_COLOUR=blue",
    `MY_DB_NAME=/${web}/my-db`,
    `MY_DB_PORT=udp://${ip}:53`,
    `MY_DB_PORT_53_UDP=udp://${ip}:53`,
    `MY_DB_PORT_53_UDP_ADDR=${ip}`,
    "MY_DB_PORT_53_UDP_PORT=53",
    "MY_DB_PORT_53_UDP_PROTO=udp",
    `MY_DB_PORT_5432_TCP=tcp://${ip}:5432`,
    `MY_DB_PORT_5432_TCP_ADDR=${ip}`,
    "MY_DB_PORT_5432_TCP_PORT=5432",
    "MY_DB_PORT_5432_TCP_PROTO=tcp",
  ]);
  await docker.ok("exec", web, "ping", "-c", "1", "-w", "5", "my-db");
  await docker.ok("stop", "-t", "0", db);
  await docker.ok("run", "-d", "--name", squatter, ...SLEEP);
  await docker.ok("start", db);
  expect(await hostsLine()).toContain(`${await address(db)}\tmy-db`);
  const renamed = docker.fresh("renamed");
  await docker.ok("rename", db, renamed);
  expect(await docker.ok("inspect", "-f", "{{json .HostConfig.Links}}", web)).toBe(
    `["/${renamed}:/${web}/my-db"]`,
  );
  for (const name of [web, renamed, squatter]) await docker.ok("rm", "-f", name);
});

test("a link to nobody is refused at create, one to a stopped container at start", async () => {
  const [db, web] = [docker.fresh("db"), docker.fresh("web")];
  const nobody = await docker("run", "--rm", "--link", "nobody:x", STARTER, "true");
  expect(nobody.stderr).toContain("could not get container for nobody: No such container: nobody");
  expect(nobody.stderr).not.toContain("Unable to find image");
  await docker.ok("create", "--name", db, ...SLEEP);
  await docker.ok("create", "--name", web, "--link", db, ...SLEEP);
  const refused = await docker("start", web);
  expect(refused.stderr).toContain(`Cannot link to a non running container: /${db} AS /${web}/${db}`);
  await docker.ok("start", db);
  await docker.ok("start", web);
  for (const name of [web, db]) await docker.ok("rm", "-f", name);
});
