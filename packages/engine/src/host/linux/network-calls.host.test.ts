import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const calls = JSON.stringify(new URL("./network-calls.ts", import.meta.url).href);

/** Runs `body` with `calls` in a process whose network namespace is its own. */
async function inOwnNamespace(prepare: string, body: string): Promise<unknown> {
  const script = `const { NetworkCalls } = await import(${calls}); const calls = new NetworkCalls();
    const result = (() => { ${body} })(); console.log(JSON.stringify(result));`;
  const { stdout } = await run("unshare", [
    "-n",
    "sh",
    "-c",
    `${prepare}\nexec "$0" --input-type=module -e "$1"`,
    process.execPath,
    script,
  ]);
  return JSON.parse(stdout);
}

test("listForwardDrops() names the tables whose forward chains drop, and no others", async () => {
  const rules = `nft -f - <<'END'
table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }
table inet mine { chain a { type filter hook forward priority 0; policy accept; }; chain b { type filter hook input priority 0; policy drop; }; }
END`;
  expect(await inOwnNamespace(rules, "return calls.listForwardDrops()")).toEqual(["ip filter"]);
});

test("ensureBridge() completes its own bridge and refuses another's name", async () => {
  const found = await inOwnNamespace(
    "ip link add other type bridge",
    `const spec = { name: "mine", alias: "tag id", macAddress: "02:42:0a:dc:00:01", mtu: 1400,
        addresses: [{ address: "10.220.0.1", prefixLength: 24 }] };
      calls.ensureBridge(spec);
      calls.ensureBridge(spec);
      let code;
      try { calls.ensureBridge({ ...spec, name: "other" }); } catch (error) { code = error.code; }
      return [code, calls.listBridges(), calls.listSubnets(["mine"])];`,
  );
  expect(found).toEqual([
    "EEXIST",
    [
      { name: "other", alias: "", isUp: false },
      { name: "mine", alias: "tag id", isUp: true },
    ],
    [],
  ]);
});

test("changeElements() takes what is gone already as removed, and says when the table is missing", async () => {
  const found = await inOwnNamespace(
    `echo 'table inet t { set s { type ipv4_addr . ipv4_addr; }; }' | nft -f -`,
    `const one = { set: "s", key: [{ kind: "address", value: "10.0.0.1" }, { kind: "address", value: "10.0.0.2" }] };
      calls.changeElements("t", [one], []);
      calls.changeElements("t", [], [one]);
      calls.changeElements("t", [], [one]);
      try { calls.changeElements("none", [one], []); } catch (error) { return error.code; }`,
  );
  expect(found).toBe("ENOENT");
});
