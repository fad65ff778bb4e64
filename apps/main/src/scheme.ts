import { net, protocol } from "electron";
import { extname, join, normalize, sep } from "node:path";
import { pathToFileURL } from "node:url";

export const windowOrigin: string = "app://longshore";

/**
 * Everything comes from our own scheme. 'unsafe-inline' stands for styles only: xterm writes its cell styles into style elements
 * and takes no nonce; scripts, workers, frames, forms and connections stay closed.
 */
export const contentPolicy: string = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "frame-src 'none'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".woff2": "font/woff2",
  ".svg": "image/svg+xml",
  ".png": "image/png",
};

/** Must run before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: "app", privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

/** The file of a request inside `folder`, or nothing: unknown hosts, types and paths that leave the folder are refused. */
export function fileOfRequest(address: string, folder: string): string | undefined {
  const url = new URL(address);
  if (url.protocol !== "app:" || url.host !== "longshore") return undefined;
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    return undefined;
  }
  if (path.includes("\0") || path.includes("\\")) return undefined;
  const file = join(folder, normalize(path === "/" ? "/index.html" : path));
  if (!file.startsWith(folder + sep) || TYPES[extname(file)] === undefined) return undefined;
  return file;
}

/** Serves the built window under app://longshore/. */
export function serveWindow(folder: string): void {
  protocol.handle("app", async (request) => {
    const file = request.method === "GET" ? fileOfRequest(request.url, folder) : undefined;
    if (file === undefined) return new Response("not found", { status: 404 });
    let answer: Response;
    try {
      answer = await net.fetch(pathToFileURL(file).toString());
    } catch {
      return new Response("not found", { status: 404 });
    }
    return new Response(answer.body, {
      status: answer.status,
      headers: {
        "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
        "Content-Security-Policy": contentPolicy,
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
      },
    });
  });
}
