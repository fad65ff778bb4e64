import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isKind } from "#kernel";
import { fuzzed } from "@longshore/testkit";
import { capabilitySet } from "./document/capabilities.ts";
import { parseSecurityOptions } from "./document/security-options.ts";
import { planMounts, type PlannedMount } from "./mount-plan.ts";
import { networkMode, portSpecs } from "./network-mode.ts";
import { signalNumber } from "./signals.ts";
import { fakeFacts, plainRequest } from "./testing.ts";
import { resolveUser } from "./user.ts";
import { validate } from "./validate.ts";

function onlyInvalid<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(isKind(error, "invalid"), String(error)).toBe(true);
    return undefined;
  }
}

const plan = (
  host: Parameters<typeof plainRequest>[1],
  volumes: readonly string[] = [],
): readonly PlannedMount[] => {
  const request = plainRequest(["x"], host, {
    Volumes: Object.fromEntries(volumes.map((name) => [name, {}])),
  });
  return planMounts(request.settings, request.host);
};

const place = fc.constantFrom("/a", "/a/", "/a/../b", "//c", "/", "d", "", ".", "/e/./f", "name", "a.b_c-d");
const option = fc.constantFrom("ro", "rw", "z", "nocopy", "rslave", "bad", "", "ro,z", "rshared,ro");
const bind = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc
    .tuple(fc.array(place, { minLength: 1, maxLength: 3 }), fc.option(option))
    .map(([parts, last]) => [...parts, ...(last === null ? [] : [last])].join(":")),
);

test("a planned mount has an absolute, clean destination; each destination is there once", () => {
  fc.assert(
    fc.property(fc.array(bind, { maxLength: 4 }), fc.array(place, { maxLength: 3 }), (Binds, volumes) => {
      const mounts = onlyInvalid(() => plan({ Binds }, volumes));
      if (mounts === undefined) return;
      const destinations = mounts.map((mount) => mount.destination);
      expect(new Set(destinations).size).toBe(destinations.length);
      for (const destination of destinations) {
        expect(path.posix.isAbsolute(destination)).toBe(true);
        expect(destination).toBe(path.posix.normalize(destination).replace(/(.)\/$/, "$1"));
      }
      for (const mount of mounts) if (mount.type === "bind") expect(mount.source.startsWith("/")).toBe(true);
    }),
    fuzzed(3000),
  );
});

test("a bind and the same as --mount are planned alike", () => {
  const clean = fc.stringMatching(/^(\/[a-z]{1,4}){1,3}$/);
  fc.assert(
    fc.property(clean, clean, fc.boolean(), (source, target, isReadOnly) => {
      const [short] = plan({ Binds: [`${source}:${target}${isReadOnly ? ":ro" : ""}`] });
      const [long] = plan({
        Mounts: [{ Type: "bind", Source: source, Target: target, ReadOnly: isReadOnly }],
      });
      const { mode: _a, mustCreateSource: _b, ...one } = short ?? ({} as PlannedMount);
      const { mode: _c, mustCreateSource: _d, ...other } = long ?? ({} as PlannedMount);
      expect(one).toEqual(other);
    }),
    fuzzed(500),
  );
});

test("ports that pass validate() are read, others are refused as invalid", () => {
  const number = fc.oneof(
    fc.integer({ min: -1, max: 70_000 }).map(String),
    fc.constantFrom("", "x", "1-2", "2-1", "80-81", "08", "1e3"),
  );
  const protocol = fc.constantFrom("", "/tcp", "/udp", "/sctp", "/x", "/");
  fc.assert(
    fc.property(fc.tuple(number, protocol), number, ([port, suffix], HostPort) => {
      const request = plainRequest(["x"], { PortBindings: { [port + suffix]: [{ HostIp: "", HostPort }] } });
      const isFine = onlyInvalid(() => validate(request.settings, request.host, fakeFacts)) !== undefined;
      if (!isFine) return;
      const container = { settings: request.settings, host: request.host };
      for (const spec of onlyInvalid(() => portSpecs(container)) ?? []) {
        expect(spec.hostPort).toBeGreaterThanOrEqual(0);
        expect(spec.hostPort).toBeLessThanOrEqual(65_535);
        expect(spec.containerPort).toBeGreaterThanOrEqual(1);
        expect(spec.containerPort).toBeLessThanOrEqual(65_535);
        expect(["tcp", "udp", "sctp"]).toContain(spec.protocol);
      }
    }),
    fuzzed(3000),
  );
});

test("users, signals, capabilities, network modes and security options throw nothing but invalid", () => {
  const files = fc
    .array(fc.array(fc.constantFrom("root", "0", "1000", "-1", "x", "", "4294967296", "#"), { maxLength: 7 }))
    .map((rows) => rows.map((row) => row.join(":")).join("\n"));
  const words = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "root",
      "0:0",
      "1000:x",
      "SIGTERM",
      "term",
      "9",
      "ALL",
      "CAP_CHOWN",
      "container:",
      "seccomp={",
      "seccomp=[]",
      "no-new-privileges",
    ),
  );
  fc.assert(
    fc.property(words, files, files, (text, passwd, group) => {
      const user = onlyInvalid(() => resolveUser(text, passwd, group, []));
      if (user !== undefined) expect(user.uid >= 0 && user.gid >= 0 && user.uid < 2 ** 31).toBe(true);
      const signal = onlyInvalid(() => signalNumber(text));
      if (signal !== undefined) expect(signal >= 1 && signal <= 64).toBe(true);
      onlyInvalid(() => capabilitySet([text], [], false, fakeFacts.held));
      onlyInvalid(() => networkMode(text));
      const request = plainRequest(["x"], { SecurityOpt: [text] });
      if (onlyInvalid(() => validate(request.settings, request.host, fakeFacts)) !== undefined)
        parseSecurityOptions([text]);
    }),
    fuzzed(3000),
  );
});
