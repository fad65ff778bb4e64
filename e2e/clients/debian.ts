import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

const cache = join(import.meta.dirname, "../../.cache/clients");

/** A root file system of Debian with systemd as a tar, kept from run to run. Wants debootstrap and a Debian host's apt sources; throws with its words. */
export function debianWithSystemd(): string {
  const tar = join(cache, "debian-systemd.tar");
  if (existsSync(tar)) return tar;
  const { mirror, codename } = mirrorOfThisMachine();
  const root = join(cache, "debian-root");
  rmSync(root, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  execFileSync("debootstrap", ["--variant=minbase", "--include=systemd-sysv,dbus", codename, root, mirror], {
    stdio: "inherit",
  });
  const unneeded = ["var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc"];
  for (const folder of unneeded) rmSync(join(root, folder), { recursive: true, force: true });
  execFileSync("tar", ["-C", root, "--numeric-owner", "-cf", `${tar}.new`, "."]);
  rmSync(root, { recursive: true, force: true });
  renameSync(`${tar}.new`, tar);
  return tar;
}

/** Where apt has this machine's own Debian from. */
function mirrorOfThisMachine(): { readonly mirror: string; readonly codename: string } {
  const wanted = ["Created-By: Packages", "Label: Debian", "Component: main"];
  const text = execFileSync("apt-get", ["indextargets", "--format", "$(REPO_URI) $(CODENAME)", ...wanted], {
    encoding: "utf8",
  });
  for (const line of text.split("\n")) {
    const [mirror = "", codename = ""] = line.split(" ");
    if (/^[a-z]+$/.test(codename)) return { mirror, codename };
  }
  throw new Error(`apt-get indextargets names no release of Debian: "${text.trim()}"`);
}
