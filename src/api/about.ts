/** What the server says about itself: health, who is calling, every route, its description, its figures. */

import type { Room } from './api.ts'
import { metricsText } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import type { Answer, Route } from './route.ts'

const shared = { method: 'GET', isChange: false, scope: 'none' } as const

export const aboutRoutes = (room: () => Room): Route[] => [...openRoutes(room), ...knownRoutes(room)]

/** The description never changes while we run, and anybody may ask for it: it is written once. */
const written = new WeakMap<Room, Buffer>()

function description(room: Room): Buffer {
  const { routes, kinds, desk } = room
  const known = written.get(room) ?? Buffer.from(JSON.stringify(openApiDocument(routes, kinds, desk.version)))
  written.set(room, known)
  return known
}

const openRoutes = (room: () => Room): Route[] => [
  {
    ...shared,
    path: '/api/health',
    summary: 'Whether it works: 200, or 503 with the reason',
    role: 'anyone',
    action: 'health.get',
    answers: '`state`, `why`, `version`, `metrics`',
    handle: async () => health(room()),
  },
  {
    ...shared,
    path: '/api/openapi.json',
    summary: 'This API as OpenAPI 3.1',
    role: 'anyone',
    action: 'openapi.get',
    answers: 'An OpenAPI document',
    handle: async () => {
      const headers = { 'content-type': 'application/json; charset=utf-8' }
      return { status: 200, headers, body: description(room()) }
    },
  },
]

const knownRoutes = (room: () => Room): Route[] => [
  {
    ...shared,
    path: '/api/v1/me',
    summary: 'Who you are and what you hold',
    role: 'signed-in',
    action: 'me.get',
    answers: '`user`, `bindings`, `via`',
    handle: async ({ caller }) => {
      const { user, bindings, via, credential } = caller.principal
      return { status: 200, body: { user, bindings, via, credential, isNarrowed: caller.isNarrowed } }
    },
  },
  {
    ...shared,
    path: '/api/v1/access',
    summary: 'Every route with the role that it needs',
    role: 'signed-in',
    action: 'access.get',
    answers: '`items`',
    handle: async () => {
      const items = room().routes.map(
        ({ method, path, summary, role, scope, kind = null, isChange, action }) => ({
          method,
          path,
          summary,
          role,
          scope,
          kind,
          isChange,
          action,
        }),
      )
      return { status: 200, body: { items } }
    },
  },
  {
    ...shared,
    path: '/metrics',
    summary: 'Figures for Prometheus: of the pool for its viewers, of their own machines for others',
    role: 'signed-in',
    action: 'metrics.get',
    answers: '`text/plain; version=0.0.4`',
    handle: async ({ caller }) => {
      const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
      return { status: 200, headers, body: metricsText(room(), caller.principal) }
    },
  },
]

function health({ desk }: Room): Answer {
  const { state, why } = desk.store.health()
  const body = { state, why, version: desk.version, metrics: desk.figures.health().state }
  return { status: state === 'ok' ? 200 : 503, body }
}
