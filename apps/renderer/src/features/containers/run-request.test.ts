import { expect, test } from "vitest";
import { dockerCommand, emptyRun, faultsOf, parseMemory, runRequest, splitCommand } from "./run-request.ts";

test("splitCommand() follows quotes and backslashes", () => {
  expect(splitCommand(`sh -c 'echo "a b"' x\\ y "q\\"r" ''`)).toEqual([
    "sh",
    "-c",
    'echo "a b"',
    "x y",
    'q"r',
    "",
  ]);
});

test("parseMemory() reads docker's units", () => {
  expect(["64m", "1.5g", "10", "1kb", "x", "-1m"].map(parseMemory)).toEqual([
    67_108_864,
    1_610_612_736,
    10,
    1024,
    undefined,
    undefined,
  ]);
});

test("runRequest() turns the form into Docker's words", () => {
  const choices = {
    ...emptyRun,
    image: "alpine:3",
    command: "sh -c 'sleep 9'",
    env: "A=1\nB=two words",
    ports: "8080:80\n127.0.0.1:5000-5001:6000-6001\n53:53/udp",
    volumes: "data:/var/lib\n/anonymous",
    memory: "64m",
    cpus: "0.5",
    restart: "always",
    network: "front",
  };
  expect(faultsOf(choices)).toEqual({});
  expect(runRequest(choices)).toEqual({
    Image: "alpine:3",
    Cmd: ["sh", "-c", "sleep 9"],
    Env: ["A=1", "B=two words"],
    ExposedPorts: { "80/tcp": {}, "6000/tcp": {}, "6001/tcp": {}, "53/udp": {} },
    Volumes: { "/anonymous": {} },
    HostConfig: {
      PortBindings: {
        "80/tcp": [{ HostIp: "", HostPort: "8080" }],
        "6000/tcp": [{ HostIp: "127.0.0.1", HostPort: "5000" }],
        "6001/tcp": [{ HostIp: "127.0.0.1", HostPort: "5001" }],
        "53/udp": [{ HostIp: "", HostPort: "53" }],
      },
      Binds: ["data:/var/lib"],
      NetworkMode: "front",
      Memory: 67_108_864,
      NanoCpus: 500_000_000,
      RestartPolicy: { Name: "always" },
    },
  });
  expect(dockerCommand(choices)).toBe(
    "docker run -d -e A=1 -e 'B=two words' -p 8080:80 -p 127.0.0.1:5000-5001:6000-6001 -p 53:53/udp -v data:/var/lib " +
      "-v /anonymous --network front --memory 64m --cpus 0.5 --restart always alpine:3 sh -c 'sleep 9'",
  );
});

test("faultsOf() names the line that is wrong", () => {
  const faults = faultsOf({
    ...emptyRun,
    name: "-x",
    ports: "80\n99999:80",
    env: "A",
    memory: "lots",
    cpus: "0",
    volumes: "rel",
    restart: "always",
    removesItself: true,
  });
  expect(Object.keys(faults).toSorted()).toEqual([
    "cpus",
    "env",
    "image",
    "memory",
    "name",
    "ports",
    "restart",
    "volumes",
  ]);
  expect(faults.ports).toContain("99999:80");
});
