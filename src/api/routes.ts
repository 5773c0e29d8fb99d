/** Every route there is, as data: those of the kinds, and the few others. */

import type { Kind } from '#model/kind.ts'
import type { Room } from './api.ts'
import { aboutRoutes } from './about.ts'
import { bulkRoute } from './bulk.ts'
import { consoleRoute } from './consoles.ts'
import { contentRoute, continueRoute } from './content.ts'
import { catalogueRoute } from './catalogue.ts'
import { exportRoutes } from './export.ts'
import { figureRoutes } from './figures.ts'
import { insideRoutes } from './inside.ts'
import { kindRoutes } from './kind-routes.ts'
import { libvirtRoutes } from './libvirt.ts'
import { ledgerRoutes } from './ledger-routes.ts'
import { pageRoutes } from './pages.ts'
import type { Route } from './route.ts'
import { topologyRoute } from './topology.ts'
import { signInRoutes } from './sign-in.ts'
import { watch } from './watch.ts'

/** `room` is asked for when a route is called, not before: it holds these very routes. */
export const routesOf = (room: () => Room, kinds: readonly Kind[]): Route[] => [
  ...kinds.flatMap((kind) => kindRoutes(room, kind)),
  topologyRoute(room),
  catalogueRoute(),
  contentRoute(room),
  continueRoute(room),
  ...exportRoutes(room),
  ...libvirtRoutes(room),
  ...insideRoutes(room),
  consoleRoute(room),
  bulkRoute(room),
  watchRoute(room),
  ...figureRoutes(room),
  ...ledgerRoutes(room),
  ...signInRoutes(room),
  ...aboutRoutes(room),
  ...pageRoutes(room),
]

const watchRoute = (room: () => Room): Route => ({
  method: 'GET',
  path: '/api/v1/watch',
  summary: 'Changes as they happen (Server-Sent Events); resumes after Last-Event-ID',
  role: 'signed-in',
  scope: 'none',
  isChange: false,
  action: 'watch',
  answers: 'A stream of events',
  handle: (call) => watch(room(), call),
})
