import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import type { ImageRecipe } from "./images.ts";
import type { TarEntry } from "./tar.ts";

const paths = ["/bin/busybox", "/usr/bin/busybox"];
const folders = ["bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr", "var", "www"];

/** A small root file system from the host's static busybox: /bin with a link for each applet, users, a page to serve. */
export function busyboxLayer(): readonly TarEntry[] {
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error("testkit: no busybox at /bin/busybox; install busybox-static");
  const applets = execFileSync(path, ["--list"], { encoding: "utf8" })
    .split("\n")
    .filter((name) => name !== "" && name !== "busybox")
    .sort();
  return [
    ...folders.map((name): TarEntry => ({ name, type: "directory", mode: name === "tmp" ? 0o1777 : 0o755 })),
    { name: "bin/busybox", data: readFileSync(path), mode: 0o755 },
    ...applets.map((name): TarEntry => ({
      name: `bin/${name}`,
      type: "symlink",
      linkTo: "busybox",
      mode: 0o777,
    })),
    { name: "etc/passwd", data: "root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000:guest:/home:/bin/sh\n" },
    { name: "etc/group", data: "root:x:0:\nguest:x:1000:\n" },
    { name: "www/index.html", data: page },
  ];
}

/** The image that a first run needs no registry for. */
export function starterRecipe(reference = "longshore/starter:latest"): ImageRecipe {
  return {
    reference,
    layers: [busyboxLayer()],
    history: [
      { created_by: "COPY busybox and a page /" },
      { created_by: "EXPOSE 8080", empty_layer: true },
      { created_by: 'CMD ["httpd" "-f" "-v" "-p" "8080" "-h" "/www"]', empty_layer: true },
    ],
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: ["httpd", "-f", "-v", "-p", "8080", "-h", "/www"],
      ExposedPorts: { "8080/tcp": {} },
      WorkingDir: "/",
      Labels: { "org.opencontainers.image.title": "Longshore starter" },
    },
  };
}

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>It runs</title>
<style>
  body { font: 18px/1.6 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem; }
  code { background: color-mix(in srgb, currentColor 12%, transparent); padding: 0 .3em; border-radius: 4px; }
  :root { color-scheme: light dark; }
</style>
<h1>It runs</h1>
<p>This page comes out of a container: a small web server, in an image of one layer.</p>
<p>Next: open its terminal and change <code>/www/index.html</code>, then load this page again.</p>
</html>
`;
