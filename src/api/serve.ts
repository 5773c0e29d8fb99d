/** Hangs one route on the server: who calls, the answer, the audit record of a refusal, the time it took. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Readable } from 'node:stream'
import { isObject } from '#base/json.ts'
import { Problem } from '#model/problem.ts'
import type { Room } from './api.ts'
import type { Identity } from './identity.ts'
import { identityOf, nobody } from './proofs.ts'
import { languageFrom } from './language.ts'
import { problemFrom } from './faults.ts'
import { queryFrom } from './query.ts'
import { recordOf } from './records.ts'
import { taken, type Answer, type Call, type Caller, type Route } from './route.ts'

export function serve(fastify: FastifyInstance, room: Room, route: Route) {
  fastify.route({
    method: route.method,
    url: route.path,
    config: { ours: route },
    handler: async (request, reply) => {
      const answer = await answerTo(room, route, { request, reply })
      return answer === taken ? reply.hijack() : send(reply, answer)
    },
  })
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route as data, for what happens before and after its handler. */
    readonly ours?: Route
  }
}

type Exchange = { readonly request: FastifyRequest; readonly reply: FastifyReply }

async function answerTo(room: Room, route: Route, { request, reply }: Exchange) {
  const caller = callerFrom(request, reply, nobody)
  let acting = caller
  try {
    const query = queryFrom(request.raw.url ?? '')
    acting = callerFrom(request, reply, await identityOf(room, route, request.headers))
    if (request.method === 'HEAD' && route.answers === 'A stream of events') return { status: 200 }
    const params = request.params as Readonly<Record<string, string>>
    const call: Call = { route, caller: acting, params, query, body: request.body, request, reply }
    return await route.handle(call)
  } catch (error) {
    const problem = problemFrom(error, { newId: room.desk.newId, log: room.log })
    await recordRefusal(room, route, { request, caller: acting, problem })
    recorded.add(request)
    throw problem
  }
}

/** Records the refusal of a call that did not reach its handler: its body could not be read, say. */
export async function recordEarly(room: Room, request: FastifyRequest, problem: Problem) {
  const route = request.routeOptions.config.ours
  if (route === undefined || recorded.has(request)) return
  await recordRefusal(room, route, { request, caller: callerFrom(request, undefined, nobody), problem })
}

/** Requests whose refusal has its record. */
const recorded = new WeakSet<FastifyRequest>()

async function recordRefusal(
  room: Room,
  route: Route,
  { request, caller, problem }: { request: FastifyRequest; caller: Caller; problem: Problem },
) {
  if (!route.isChange || caller.isRecorded || recorded.has(request)) return
  if (/[?&]dryRun=/.test(request.raw.url ?? '')) return
  recorded.add(request)
  const params = isObject(request.params) ? request.params : {}
  const body = isObject(request.body) ? request.body : {}
  const subject = {
    kind: route.kind ?? '',
    project: nameOrNothing(queryProject(request.raw.url ?? '') ?? body.project),
    name: nameOrNothing(params.name ?? body.name) ?? '',
  }
  const word = { action: route.action, subject, outcome: 'refused', code: problem.code } as const
  await room.refusals.write(recordOf(room.desk, caller, word))
}

/** Only what has the form of a name goes into a record; anything else could be a secret or a trick. */
const nameOrNothing = (value: unknown) =>
  typeof value === 'string' && /^[a-z0-9-]{1,63}$/.test(value) ? value : null

const queryProject = (url: string) => /[?&]project=([a-z0-9-]{1,63})(?:&|$)/.exec(url)?.[1]

function callerFrom(request: FastifyRequest, reply: FastifyReply | undefined, identity: Identity): Caller {
  return {
    ...identity,
    requestId: String(reply?.getHeader('x-request-id') ?? ''),
    from: request.socket.remoteAddress ?? '',
    language: languageFrom(request.headers['accept-language']),
    isRecorded: false,
  }
}

function send(reply: FastifyReply, { status, headers = {}, body }: Answer) {
  reply.code(status).headers(headers as Record<string, string>)
  if (body === undefined) return reply.send()
  if (typeof body === 'string' || Buffer.isBuffer(body) || body instanceof Readable) return reply.send(body)
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(body))
}
