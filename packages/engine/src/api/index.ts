import type { Logger } from "#kernel";
import { archiveRoutes } from "./routes/archive-routes.ts";
import { containerRoutes } from "./routes/container-routes.ts";
import { imageRoutes } from "./routes/image-routes.ts";
import { longshoreRoutes } from "./routes/longshore-routes.ts";
import { networkRoutes } from "./routes/network-routes.ts";
import { reclaimRoutes } from "./routes/reclaim-routes.ts";
import type { Rooms } from "./routes/rooms.ts";
import { streamRoutes } from "./routes/stream-routes.ts";
import { swarmRoutes } from "./routes/swarm-routes.ts";
import { systemRoutes } from "./routes/system-routes.ts";
import { trashRoutes } from "./routes/trash-routes.ts";
import { volumeRoutes } from "./routes/volume-routes.ts";
import type { Authorizer } from "./authorization/authorizer.ts";
import type { Certificates } from "./server/certificates.ts";
import { HttpServer, type Listen } from "./server/http-server.ts";
import { type Route, Router } from "./server/router.ts";

export { type Authorizer, openAuthorizer } from "./authorization/authorizer.ts";
export { type Certificates, readCertificates, type TlsFiles } from "./server/certificates.ts";
export { fieldsOf } from "./wire/shape.ts";
export type { Takes } from "./server/router.ts";
export type { Listen } from "./server/http-server.ts";
export { STATUS } from "./server/errors.ts";
export type { Rooms } from "./routes/rooms.ts";

/** Every route, as data; docs/generated/api.md is made from it. */
export function allRoutes(rooms: Rooms): readonly Route[] {
  return [
    systemRoutes,
    swarmRoutes,
    containerRoutes,
    streamRoutes,
    archiveRoutes,
    imageRoutes,
    networkRoutes,
    volumeRoutes,
    longshoreRoutes,
    reclaimRoutes,
    trashRoutes,
  ].flatMap((make) => make(rooms));
}

/** Opens the engine's HTTP face on each of `listens`, TCP by TLS when there are certificates, each request by leave of the authorizer's plugins. Dispose it first of all rooms. */
export async function openApi(
  rooms: Rooms,
  listens: readonly Listen[],
  log: Logger,
  engineVersion: string,
  guards: { readonly certificates?: Certificates; readonly authorizer?: Authorizer } = {},
): Promise<AsyncDisposable> {
  const server = new HttpServer(new Router(allRoutes(rooms)), log, engineVersion, guards.authorizer);
  await using undo = new AsyncDisposableStack();
  undo.use(server);
  for (const listen of listens) await server.listen(listen, guards.certificates);
  return undo.move();
}
