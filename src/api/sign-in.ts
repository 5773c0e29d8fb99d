/**
 * Signing in: a link, used once and soon, is exchanged for a session. The page behind the link only shows a
 * button, so that whoever looks ahead at links does not use it up.
 */

import { z } from 'zod'
import { fieldProblem, read } from '#engines/admission/fields.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { inert } from '#base/text.ts'
import type { UserDocument } from '#kinds/user/schema.ts'
import type { Desk } from '#program/desk.ts'
import type { Room } from './api.ts'
import { cookieNames, cookieValue, sessionOf, StoredSecret, StoredSession } from './identity.ts'
import { dropSessions } from './companions.ts'
import { outboxed, recordOf } from './records.ts'
import type { Answer, Call, Route } from './route.ts'
import { csrfFor, newSecret, sha256 } from './secrets.ts'
import { leaveTrace } from './traces.ts'
import { onlyKnown } from './query.ts'

const Exchange = z.strictObject({ link: z.string().min(1).max(128) })
const ForUser = z.strictObject({ user: z.string().min(1).max(63) })
const SignOut = z.object({ csrf: z.string().max(128).optional() })

/** Makes a sign-in link for a user by name and gives its path with the secret in it. */
export async function createSignInLink(desk: Desk, user: string): Promise<string> {
  const stored = desk.replica.find('user', null, user)
  if (stored === undefined) throw new Problem('object/not-found', { kind: 'user', name: user })
  const secret = newSecret()
  const expiresAtMs = desk.clock.now() + limits.signInLinkMs
  const value = { use: 'link', user, userId: stored.document.id, expiresAtMs }
  await desk.store.commit([{ op: 'put', kind: 'secret', id: sha256(secret), value, expect: 0 }])
  return `/sign-in?link=${secret}`
}

const own = { role: 'signed-in', scope: 'none' } as const

export const signInRoutes = (room: () => Room): Route[] => [...exchangeRoutes(room), ...sessionRoutes(room)]

const exchangeRoutes = (room: () => Room): Route[] => [
  {
    role: 'anyone',
    scope: 'none',
    method: 'POST',
    path: '/api/v1/sign-in',
    summary: 'Exchange a sign-in link for a session cookie',
    isChange: true,
    action: 'session.create',
    takes: 'json',
    input: Exchange,
    answers: '`user`, `csrf`, `expiresAtMs`, and the cookies',
    handle: (call) => signIn(room(), call),
  },
  {
    role: 'anyone',
    scope: 'none',
    method: 'POST',
    path: '/sign-in',
    summary: 'The same from the page of the link',
    isChange: true,
    action: 'session.create',
    takes: 'form',
    input: Exchange,
    answers: 'Leads to `/`',
    handle: async (call) => {
      const { headers } = await signIn(room(), call)
      return { status: 303, headers: { ...headers, location: '/' } }
    },
  },
  {
    role: 'anyone',
    scope: 'none',
    method: 'POST',
    path: '/sign-out',
    summary: 'End the session of the cookie, from a page',
    isChange: true,
    action: 'session.delete',
    takes: 'form',
    answers: 'Leads to `/`',
    handle: (call) => signOut(room(), call),
  },
]

const sessionRoutes = (room: () => Room): Route[] => [
  {
    ...own,
    method: 'GET',
    path: '/api/v1/sessions',
    summary: 'Your sessions; all of them for an administrator of the pool',
    isChange: false,
    action: 'session.list',
    answers: '`items`',
    handle: (call) => sessions(room(), call),
  },
  {
    ...own,
    method: 'DELETE',
    path: '/api/v1/sessions/:id',
    summary: 'End a session',
    isChange: true,
    action: 'session.delete',
    answers: 'Nothing',
    handle: (call) => endSession(room(), call),
  },
  {
    role: 'admin',
    scope: 'pool',
    method: 'POST',
    path: '/api/v1/sign-in-links',
    summary: 'A link by which a user can sign in once, within ten minutes',
    isChange: true,
    action: 'link.create',
    takes: 'json',
    input: ForUser,
    answers: '`path`, `expiresAtMs`',
    handle: (call) => makeLink(room(), call),
  },
]

async function signIn(room: Room, { body, caller, query, request }: Call): Promise<Answer> {
  onlyKnown(query, [])
  const { desk, isSecure } = room
  const { link } = read(Exchange, body ?? {})
  const entry = await desk.store.get('secret', sha256(link))
  const secret = entry === undefined ? undefined : StoredSecret.parse(entry.value)
  const now = desk.clock.now()
  const user = desk.replica.get('user', secret?.userId ?? '')?.document as UserDocument | undefined
  const isGood =
    entry !== undefined &&
    secret?.use === 'link' &&
    secret.expiresAtMs > now &&
    user?.spec.isDisabled === false
  if (!isGood) throw new Problem('auth/invalid')
  await makeRoom(desk, user.id)
  const cookie = newSecret()
  const session: StoredSession = {
    id: desk.newId(),
    user: user.name,
    userId: user.id,
    createdAtMs: now,
    expiresAtMs: now + limits.sessionMs,
    from: caller.from,
    agent: inert(String(request.headers['user-agent'] ?? '')).slice(0, 200),
  }
  const principal = { user: user.name, bindings: [], via: 'session', credential: session.id } as const
  const subject = { kind: 'user', project: null, name: user.name }
  const record = recordOf(
    desk,
    { ...caller, principal },
    { action: 'session.create', subject, outcome: 'done' },
  )
  try {
    await desk.replica.commit([
      // Of two who come with the same link, one finds it gone.
      { op: 'remove', kind: 'secret', id: entry.id, expect: entry.revision },
      { op: 'put', kind: 'session', id: sha256(cookie), value: session, expect: 0 },
      outboxed(record),
    ])
  } catch (error) {
    if (error instanceof Problem && error.code === 'store/conflict') throw new Problem('auth/invalid')
    throw error
  }
  caller.isRecorded = true
  desk.audited()
  leaveTrace(desk, { kind: 'user', id: user.id, field: 'lastSignInMs' })
  const csrf = csrfFor(cookie)
  const headers = { 'set-cookie': cookies(isSecure, cookie, csrf, limits.sessionMs / 1000) }
  return { status: 200, headers, body: { user: user.name, csrf, expiresAtMs: session.expiresAtMs } }
}

function cookies(isSecure: boolean, session: string, csrf: string, seconds: number): string[] {
  const names = cookieNames(isSecure)
  const rest = `Path=/; SameSite=Strict; Max-Age=${seconds}${isSecure ? '; Secure' : ''}`
  return [`${names.session}=${session}; HttpOnly; ${rest}`, `${names.csrf}=${csrf}; ${rest}`]
}

/** Keeps the newest sessions of a user and ends the others. */
async function makeRoom(desk: Desk, userId: string) {
  const { entries } = await desk.store.snapshot('session')
  const mine = entries
    .map(({ value }) => StoredSession.parse(value))
    .filter((session) => session.userId === userId)
    .toSorted((a, b) => b.createdAtMs - a.createdAtMs)
  const old = new Set(mine.slice(limits.sessionsPerUser - 1).map(({ id }) => id))
  if (old.size > 0) await dropSessions(desk, ({ id }) => old.has(id))
}

async function signOut(room: Room, { caller, body, request }: Call): Promise<Answer> {
  const { desk, isSecure } = room
  const secret = cookieValue(request.headers.cookie, cookieNames(isSecure).session)
  const session = secret === undefined ? undefined : await sessionOf(desk, secret)
  const headers = { 'set-cookie': cookies(isSecure, '', '', 0), location: '/' }
  if (secret === undefined || session === undefined) {
    caller.isRecorded = true
    return { status: 303, headers }
  }
  const { csrf } = read(SignOut, body ?? {})
  const proof = csrf ?? request.headers['x-decant-csrf']
  if (proof !== csrfFor(secret)) throw new Problem('auth/csrf')
  await ended(
    room,
    { ...caller, principal: { user: session.user, bindings: [], via: 'session', credential: session.id } },
    session,
  )
  caller.isRecorded = true
  return { status: 303, headers }
}

async function ended({ desk }: Room, caller: Call['caller'], session: StoredSession) {
  await dropSessions(desk, ({ id }) => id === session.id)
  const subject = { kind: 'user', project: null, name: session.user }
  await desk.replica.commit([
    outboxed(recordOf(desk, caller, { action: 'session.delete', subject, outcome: 'done' })),
  ])
  desk.audited()
}

const isPoolAdmin = ({ principal }: Call['caller']) =>
  principal.bindings.some(({ project, role }) => project === '*' && role === 'admin')

async function visibleSessions({ desk }: Room, caller: Call['caller']): Promise<StoredSession[]> {
  const { entries } = await desk.store.snapshot('session')
  const now = desk.clock.now()
  return entries
    .map(({ value }) => StoredSession.parse(value))
    .filter(
      ({ user, expiresAtMs }) => expiresAtMs > now && (isPoolAdmin(caller) || user === caller.principal.user),
    )
    .toSorted((a, b) => b.createdAtMs - a.createdAtMs)
}

async function sessions(room: Room, { caller, query }: Call): Promise<Answer> {
  onlyKnown(query, [])
  const items = (await visibleSessions(room, caller)).map(
    ({ id, user, createdAtMs, expiresAtMs, from, agent }) => ({
      id,
      user,
      createdAtMs,
      expiresAtMs,
      from,
      agent,
      isThis: id === caller.principal.credential,
    }),
  )
  return { status: 200, body: { items } }
}

async function endSession(room: Room, { caller, params, query }: Call): Promise<Answer> {
  onlyKnown(query, [])
  if (caller.isNarrowed) throw new Problem('auth/forbidden', { role: 'admin' })
  const { id = '' } = params
  const session = (await visibleSessions(room, caller)).find((session) => session.id === id)
  if (session === undefined) throw new Problem('object/not-found', { kind: 'session', name: id.slice(0, 64) })
  await ended(room, caller, session)
  caller.isRecorded = true
  return { status: 204 }
}

async function makeLink(room: Room, { caller, body, query }: Call): Promise<Answer> {
  onlyKnown(query, [])
  if (!isPoolAdmin(caller)) throw new Problem('auth/forbidden', { role: 'admin' })
  const { desk } = room
  const { user } = read(ForUser, body ?? {})
  if (desk.replica.find('user', null, user) === undefined) throw fieldProblem('user', 'query')
  const path = await createSignInLink(desk, user)
  const subject = { kind: 'user', project: null, name: user }
  await desk.replica.commit([
    outboxed(recordOf(desk, caller, { action: 'link.create', subject, outcome: 'done' })),
  ])
  caller.isRecorded = true
  desk.audited()
  return { status: 201, body: { path, expiresAtMs: desk.clock.now() + limits.signInLinkMs } }
}
