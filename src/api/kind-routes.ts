/** The routes of a kind, read from its declaration. No kind is named here. */

import { canonical, isObject } from '#base/json.ts'
import { admitSignal } from '#engines/admission/admit.ts'
import { typed } from '#engines/admission/around.ts'
import { Sent } from '#engines/admission/wish.ts'
import type { Role } from '#model/access.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { found, foundFor, projectOf } from './address.ts'
import type { Room } from './api.ts'
import { listingFrom, pageOf } from './list.ts'
import { orderFor, type Operation } from './orders.ts'
import { answered, mannerFrom, sent } from './outcome.ts'
import { preconditionsFrom } from './preconditions.ts'
import { presented, withSentence } from './present.ts'
import { oneOf, onlyKnown } from './query.ts'
import { repeatFrom } from './repeats.ts'
import type { Answer, Call, Route } from './route.ts'
import { look, sendSignal } from './moments.ts'
import { seesProject, sightOf } from './visibility.ts'

const base = '/api/v1'

export function kindRoutes(room: () => Room, kind: Kind): Route[] {
  const routes = [...readRoutes(room, kind)]
  const { write } = kind.access
  if (write !== 'system') routes.push(...writeRoutes(room, kind, write))
  for (const [name, verb] of Object.entries(kind.verbs))
    routes.push(changeRoute(room, kind, { op: 'verb', verb: name, role: verb.role, summary: verb.summary }))
  for (const name of Object.keys(kind.signals)) routes.push(signalRoute(room, kind, name))
  for (const name of Object.keys(kind.looks)) routes.push(lookRoute(room, kind, name))
  return routes
}

const shared = (kind: Kind) => ({ kind: kind.name, isChange: false }) as const

function readRoutes(room: () => Room, kind: Kind): Route[] {
  const { plural, name, access } = kind
  const list: Route = {
    ...shared(kind),
    method: 'GET',
    path: `${base}/${plural}`,
    summary: `List ${plural}, page by page`,
    role: access.read,
    scope: 'object',
    action: `${name}.list`,
    answers: `A page: \`items\`, \`total\`, \`revision\`, \`next\``,
    handle: (call) => listed(room(), kind, call),
  }
  const get: Route = {
    ...shared(kind),
    method: 'GET',
    path: `${base}/${plural}/:name`,
    summary: `Read one ${name}`,
    role: access.read,
    scope: 'object',
    action: `${name}.get`,
    answers: 'The object',
    handle: async ({ caller, params, query }) => {
      onlyKnown(query, ['project'])
      const address = { kind, project: projectOf(kind, query), name: params.name ?? '' }
      return sent(room(), caller, { stored: found(room(), caller, address) })
    },
  }
  return [list, get]
}

async function listed(room: Room, kind: Kind, { caller, query }: Call): Promise<Answer> {
  const { desk, kinds } = room
  const project = kind.scope === 'pool' ? undefined : oneOf(query, 'project')
  const listing = listingFrom(query, kind.secrets)
  const isSeen = sightOf(caller.principal, kind, kinds)
  const isWithin =
    project === undefined || project === '*'
      ? isSeen
      : (document: Parameters<typeof isSeen>[0]) => document.project === project && isSeen(document)
  if (project !== undefined && project !== '*' && !seesProject(caller.principal, project))
    return { status: 200, body: { items: [], total: 0, revision: desk.replica.revision, next: null } }
  const { items, total, next } = pageOf(desk.replica.all(kind.name), isWithin, listing)
  const shown = items.map((stored) => presented(desk, stored, caller.language))
  return { status: 200, body: { items: shown, total, revision: desk.replica.revision, next } }
}

function writeRoutes(room: () => Room, kind: Kind, role: Role): Route[] {
  const { name } = kind
  return [
    changeRoute(room, kind, { op: 'create', role, summary: `Create a ${name}` }),
    changeRoute(room, kind, { op: 'replace', role, summary: `Replace the wish of a ${name}, or create it` }),
    changeRoute(room, kind, {
      op: 'patch',
      role,
      summary: `Change part of a ${name} by merge patch (RFC 7396)`,
    }),
    changeRoute(room, kind, { op: 'delete', role, summary: `Delete a ${name}` }),
  ]
}

type Changing = {
  readonly op: Operation
  readonly verb?: string
  readonly role: Role
  readonly summary: string
}

const methods = { create: 'POST', replace: 'PUT', patch: 'PATCH', delete: 'DELETE', verb: 'POST' } as const

function changeRoute(room: () => Room, kind: Kind, changing: Changing): Route {
  const { op, verb, role, summary } = changing
  const one = op === 'create' ? '' : op === 'verb' ? `/:name/${verb}` : '/:name'
  const input = op === 'verb' ? kind.verbs[verb ?? '']?.input : Sent.extend({ spec: kind.spec.optional() })
  return {
    kind: kind.name,
    method: methods[op],
    path: `${base}/${kind.plural}${one}`,
    summary,
    role,
    scope: op === 'create' ? 'project' : 'object',
    isChange: true,
    action: `${kind.name}.${verb ?? op}`,
    ...(op === 'delete' ? {} : { takes: 'json' as const }),
    ...(input === undefined || op === 'delete' ? {} : { input }),
    answers: 'The object',
    handle: (call) => changed(room(), kind, { call, changing }),
  }
}

async function changed(room: Room, kind: Kind, { call, changing }: { call: Call; changing: Changing }) {
  const { caller, query, params, body, request } = call
  onlyKnown(query, ['project', 'dryRun', 'wait'])
  const { op, verb } = changing
  if (op === 'verb' && body !== undefined && !isObject(body))
    throw new Problem('request/malformed', { why: 'the input of a verb is a JSON object' })
  const project = projectOf(kind, query, isObject(body) && op === 'create' ? body.project : undefined)
  const asked = `${request.method} ${params.name ?? ''} ${call.route.path} ${project} ${oneOf(query, 'dryRun')} ${canonical(body)}`
  const order = orderFor(room, caller, {
    op,
    kind,
    project,
    name: params.name,
    body,
    ...(verb === undefined ? {} : { verb }),
    preconditions: preconditionsFrom(request.headers),
    repeat: repeatFrom(request.headers['idempotency-key'], caller.principal, asked),
  })
  const own = verb === undefined ? undefined : kind.verbs[verb]
  const answer = await answered(room, caller, order, {
    ...mannerFrom(query),
    ...(own === undefined ? {} : { done: (document) => own.done(typed(document)) }),
  })
  return op === 'create' && answer.status === 201 ? located(kind, answer) : answer
}

function located(kind: Kind, answer: Answer): Answer {
  const { name, project } = answer.body as { name: string; project: string | null }
  const query = project === null ? '' : `?project=${encodeURIComponent(project)}`
  return { ...answer, headers: { ...answer.headers, location: `${base}/${kind.plural}/${name}${query}` } }
}

function signalRoute(room: () => Room, kind: Kind, signal: string): Route {
  const { summary, role, input } = kind.signals[signal] ?? { summary: '', role: 'admin' as const }
  return {
    kind: kind.name,
    method: 'POST',
    path: `${base}/${kind.plural}/:name/${signal}`,
    summary,
    role,
    scope: 'object',
    isChange: true,
    action: `${kind.name}.${signal}`,
    takes: 'json',
    ...(input === undefined ? {} : { input }),
    answers: '`{"sent": true}`; delivered at most once',
    handle: async (call) => {
      const { caller, query, params, body, request } = call
      onlyKnown(query, ['project', 'dryRun'])
      const address = { kind, project: projectOf(kind, query), name: params.name ?? '' }
      const { document } = foundFor(room(), caller, address, role)
      const said = admitSignal(kind, document, signal, body)
      if (mannerFrom(query).isRehearsal) {
        const told = { do: signal, code: 'object/signal', facts: { signal, name: document.name } }
        const steps = [withSentence(told, caller.language)]
        return { status: 200, body: { dryRun: 'plan', changes: [], steps, holds: [], predicted: null } }
      }
      const asked = `${call.route.path} ${document.id} ${canonical(body)}`
      const repeat = repeatFrom(request.headers['idempotency-key'], caller.principal, asked)
      return sendSignal(room(), caller, { kind, document, signal, input: said, repeat })
    },
  }
}

function lookRoute(room: () => Room, kind: Kind, name: string): Route {
  const { summary, role, mediaType } = kind.looks[name] ?? {
    summary: '',
    role: 'admin' as const,
    mediaType: '',
  }
  return {
    ...shared(kind),
    method: 'GET',
    path: `${base}/${kind.plural}/:name/${name}`,
    summary,
    role,
    scope: 'object',
    action: `${kind.name}.${name}`,
    answers: `\`${mediaType}\``,
    handle: async ({ caller, query, params }) => {
      onlyKnown(query, ['project'])
      const address = { kind, project: projectOf(kind, query), name: params.name ?? '' }
      const { document } = foundFor(room(), caller, address, role)
      const bytes = await look(room().desk, document, name)
      return { status: 200, headers: { 'content-type': mediaType }, body: Buffer.from(bytes) }
    },
  }
}
