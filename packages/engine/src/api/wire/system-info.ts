type Info = Readonly<Record<string, unknown>>;

/** GET /info as `minor` of the API has it. Source: Docker Engine API, version history. */
export function infoOf(info: Info, minor: number): Info {
  const { BridgeNfIptables, BridgeNfIp6tables, FirewallBackend, ...rest } = info;
  return {
    ...rest,
    ...(minor < 50 && { BridgeNfIptables, BridgeNfIp6tables }),
    ...(minor >= 49 ? { FirewallBackend } : withExpected(rest)),
  };
}

/** Commits had a twin, the one that the engine was built for. */
function withExpected(info: Info): Info {
  const names = ["ContainerdCommit", "RuncCommit", "InitCommit"];
  return Object.fromEntries(
    names.map((name) => {
      const commit = info[name] as { readonly ID: string };
      return [name, { ...commit, Expected: commit.ID }];
    }),
  );
}
