/** Opens the API: one HTTP server over one desk. */

import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { IncomingMessage, Server } from 'node:http'
import { kinds } from '#kinds/registry.ts'
import type { Desk } from '#program/desk.ts'
import type { ApiOptions, Room } from './api.ts'
import { checkMediaType, takeBodies } from './body.ts'
import { bridgeConsoles } from './consoles.ts'
import { boundRequests, checkDoor, checkPeer, guardDoor, safeHeaders } from './door.ts'
import { problemFrom } from './faults.ts'
import { Gate, Queues } from './gate.ts'
import { spoken, languageFrom } from './language.ts'
import { Measures } from './measures.ts'
import { Refusals } from './records.ts'
import type { Route } from './route.ts'
import { routesOf } from './routes.ts'
import { recordEarly, serve } from './serve.ts'
import { sweepForEver } from './sweep.ts'
import { Tally } from './tally.ts'
import { Tickets } from './tickets.ts'
import { Waiting } from './waiting.ts'
import { Problem } from '#model/problem.ts'

export type Api = {
  /** Not yet listening: the launcher chooses address and port. */
  readonly server: Server
  /** The same without a socket, for tests. */
  readonly inject: FastifyInstance['inject']
  readonly routes: readonly Route[]
  /** Ends streams and consoles, then the server. */
  close(): Promise<void>
}

const headersMs = 15_000
const flowAwayMs = 10_000
const mostConnections = 10_000

export async function openApi(desk: Desk, options: ApiOptions): Promise<Api> {
  const log = options.log ?? ((line: string) => console.error(line))
  const isSecure = options.isSecure ?? options.tls !== undefined
  const closing = new AbortController()
  const routes = routesOf(() => room, kinds)
  const room: Room = {
    desk,
    kinds,
    options,
    isSecure,
    log,
    routes,
    gate: new Gate(),
    queues: new Queues(),
    refusals: new Refusals(desk, log),
    tally: new Tally(desk.replica, kinds),
    waiting: new Waiting(desk.replica, desk.clock),
    measures: new Measures(),
    tickets: new Tickets(() => desk.clock.monotonic()),
    closing: closing.signal,
  }
  const fastify = fastifyFor(options)
  takeBodies(fastify)
  greet(fastify, room)
  answerFaults(fastify, room)
  for (const route of routes) serve(fastify, room, route)
  refuseOtherMethods(fastify, room)
  const disconnect = bridgeConsoles(fastify.server, room)
  guardDoor(fastify.server, options)
  boundRequests(fastify.server)
  await fastify.ready()
  fastify.server.maxConnections = mostConnections
  sweepForEver(room)
  return {
    server: fastify.server,
    inject: fastify.inject.bind(fastify) as FastifyInstance['inject'],
    routes,
    close: async () => {
      closing.abort()
      disconnect()
      room.tally.stop()
      room.waiting.stop()
      await fastify.close()
    },
  }
}

function fastifyFor({ tls }: ApiOptions): FastifyInstance {
  const common = {
    logger: false,
    exposeHeadRoutes: true,
    forceCloseConnections: true,
    routerOptions: {
      ignoreTrailingSlash: true,
      maxParamLength: 256,
      // Read strictly by our own reader instead.
      querystringParser: () => ({}),
    },
    clientErrorHandler: refuseUnreadable,
    frameworkErrors: (_error: unknown, _request: FastifyRequest, reply: FastifyReply) => {
      sendProblem(reply, new Problem('request/malformed', { why: 'the address cannot be read' }))
    },
  } as const
  const timeouts = {
    requireHostHeader: false,
    headersTimeout: headersMs,
    // Uploads take as long as they take; other bodies have a time limit of their own.
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    maxHeaderSize: 16_384,
    connectionsCheckingInterval: 5000,
  }
  return tls === undefined
    ? Fastify({ ...common, http: timeouts })
    : (Fastify({
        ...common,
        https: { ...timeouts, ...tls, minVersion: 'TLSv1.2' },
      }) as unknown as FastifyInstance)
}

/** What Node's own parser refuses never reaches a route. */
function refuseUnreadable(
  error: { code?: string },
  socket: { writable: boolean; end(text: string): unknown },
) {
  const problem =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new Problem('request/headers-too-large')
      : new Problem('request/malformed', { why: 'the request is not HTTP' })
  const body = JSON.stringify(spoken(problem, 'en'))
  if (!socket.writable) return
  socket.end(
    `HTTP/1.1 ${spoken(problem, 'en').status} Refused\r\ncontent-type: application/problem+json\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

export function sendProblem(reply: FastifyReply, problem: Problem) {
  const said = spoken(problem, languageFrom(reply.request.headers['accept-language']))
  if (said.status === 401) reply.header('www-authenticate', 'Bearer realm="Decant"')
  if (said.status === 429 || said.status === 503) reply.header('retry-after', '1')
  reply.code(said.status).type('application/problem+json; charset=utf-8').send(JSON.stringify(said))
}

function greet(fastify: FastifyInstance, { desk, options, isSecure, routes }: Room) {
  const takes = new Map(routes.map(({ method, path, takes }) => [`${method} ${path}`, takes]))
  fastify.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...safeHeaders, 'x-request-id': desk.newId(), 'cache-control': 'no-store' })
    if (isSecure) reply.header('strict-transport-security', 'max-age=31536000')
    await checkPeer(request.raw, options)
    checkDoor(request.raw, options, isSecure)
    checkMediaType(
      request.headers['content-type'],
      takes.get(`${request.method} ${request.routeOptions.url ?? ''}`),
    )
  })
}

function answerFaults(fastify: FastifyInstance, room: Room) {
  const { desk, log, measures } = room
  fastify.setErrorHandler(async (error, request, reply) => {
    const problem = problemFrom(error, { newId: desk.newId, log })
    await recordEarly(room, request, problem)
    sendProblem(reply, problem)
    return reply
  })
  fastify.setNotFoundHandler((_request, reply) => sendProblem(reply, new Problem('request/not-found')))
  fastify.addHook('onResponse', async ({ method, routeOptions, raw }, reply) => {
    if (!raw.complete) letFlowAway(raw)
    measures.took(`${method} ${routeOptions.url ?? 'unknown'}`, reply.statusCode, reply.elapsedTime / 1000)
  })
}

/** Reads and forgets what is left of a refused body, so that its sender sees the answer; but not for ever. */
function letFlowAway(request: IncomingMessage) {
  request.resume()
  const timer = setTimeout(() => {
    if (!request.complete) request.destroy()
  }, flowAwayMs)
  timer.unref()
  request.on('close', () => clearTimeout(timer))
}

/** 405 with Allow for a method that an address does not have, and OPTIONS. */
function refuseOtherMethods(fastify: FastifyInstance, { routes, kinds }: Room) {
  const methods = new Map<string, Set<string>>()
  for (const { path, method } of routes) methods.set(path, (methods.get(path) ?? new Set()).add(method))
  for (const [path, allowed] of methods) {
    if (allowed.has('GET')) allowed.add('HEAD')
    const allow = [...allowed, 'OPTIONS'].join(', ')
    const rest = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) => !allowed.has(method))
    const kind = kinds.find(({ plural }) => path.startsWith(`/api/v1/${plural}`))
    fastify.route({
      method: ['OPTIONS'],
      url: path,
      handler: async (_request, reply) => reply.code(204).header('allow', allow).send(),
    })
    if (rest.length === 0) continue
    fastify.route({
      method: rest,
      url: path,
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        reply.header('allow', allow)
        const isOurs = kind?.access.write === 'system'
        sendProblem(
          reply,
          isOurs
            ? new Problem('object/read-only', { kind: kind.name })
            : new Problem('request/method', { method: request.method }),
        )
        return reply
      },
    })
  }
}
