/** Reading what happened: audit records for administrators, events for all who may see their subject. */

import { holdsRole, wholePool, type Principal, type Role } from '#model/access.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { fieldProblem } from '#engines/admission/fields.ts'
import type { Page } from '#drivers/ledger/port.ts'
import type { Room } from './api.ts'
import { oneOf, onlyKnown, wholeNumber, type Query } from './query.ts'
import type { Call, Route } from './route.ts'

const shared = { method: 'GET', isChange: false, scope: 'project' } as const

export const ledgerRoutes = (room: () => Room): Route[] => [
  {
    ...shared,
    path: '/api/v1/audit',
    summary: 'Audit records, newest first; `verify=1` walks the whole chain',
    role: 'admin',
    action: 'audit.list',
    answers: '`items`, `next`; with `verify=1`: `records`, `brokenAt`',
    handle: (call) => audit(room(), call),
  },
  {
    ...shared,
    path: '/api/v1/events',
    summary: 'What happened, newest first',
    role: 'viewer',
    action: 'event.list',
    answers: '`items`, `next`',
    handle: (call) => events(room(), call),
  },
]

async function audit({ desk }: Room, { caller, query }: Call) {
  onlyKnown(query, ['limit', 'before', 'project', 'kind', 'name', 'verify'])
  const verify = oneOf(query, 'verify')
  if (verify !== undefined && verify !== '1') throw fieldProblem('verify', 'choice', { choices: '1' })
  if (verify === '1') {
    if (!holdsRole(caller.principal, 'admin', null)) throw new Problem('auth/forbidden', { role: 'admin' })
    return { status: 200, body: await desk.ledger.verify() }
  }
  return merged(query, { principal: caller.principal, role: 'admin' }, (page) => desk.ledger.audits(page))
}

const events = ({ desk }: Room, { caller, query }: Call) => {
  onlyKnown(query, ['limit', 'before', 'project', 'kind', 'name'])
  return merged(query, { principal: caller.principal, role: 'viewer' }, (page) => desk.ledger.events(page))
}

type Sequenced = { readonly sequence: number }
type Reader = { readonly principal: Principal; readonly role: Role }

/** A page over all that the reader may see: the pool's ledger, or those of their projects put together. */
async function merged(query: Query, reader: Reader, fetch: (page: Page) => Promise<readonly Sequenced[]>) {
  const limit = wholeNumber(query, 'limit', { least: 1, most: limits.pageItems }) ?? 100
  const before = wholeNumber(query, 'before', { least: 0, most: Number.MAX_SAFE_INTEGER })
  const [kind, name] = [oneOf(query, 'kind'), oneOf(query, 'name')]
  const page = {
    limit: limit + 1,
    ...(before === undefined ? {} : { before }),
    ...(kind === undefined ? {} : { kind }),
    ...(name === undefined ? {} : { name }),
  }
  const pages = await Promise.all(
    projectsFor(reader, oneOf(query, 'project')).map((project) =>
      fetch(project === undefined ? page : { ...page, project }),
    ),
  )
  const all = pages.flat().toSorted((a, b) => b.sequence - a.sequence)
  const items = all.slice(0, limit)
  const next = all.length > limit ? (items.at(-1)?.sequence ?? null) : null
  return { status: 200, body: { items, next } }
}

/** The projects to read; `undefined` stands for everything. Problem `auth/forbidden` when there is none. */
function projectsFor({ principal, role }: Reader, asked: string | undefined): (string | undefined)[] {
  const isPool = holdsRole(principal, role, null)
  if (asked !== undefined && asked !== '*') {
    if (holdsRole(principal, role, asked)) return [asked]
    if (holdsRole(principal, 'viewer', asked)) throw new Problem('auth/forbidden', { role })
    throw new Problem('object/not-found', { kind: 'project', name: asked.slice(0, 127) })
  }
  if (isPool) return [undefined]
  const own = principal.bindings
    .map(({ project }) => project)
    .filter((project) => holdsRole(principal, role, project))
  if (own.length === 0) throw new Problem('auth/forbidden', { role })
  return [...new Set(own)].filter((project) => project !== wholePool)
}
