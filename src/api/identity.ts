/** Who calls: the local administrator, a token or a session; proved before anything else is looked at. */

import { z } from 'zod'
import { isObject } from '#base/json.ts'
import { roles, wholePool, type Binding, type Principal } from '#model/access.ts'
import type { Document } from '#model/document.ts'
import { Problem } from '#model/problem.ts'
import type { TokenDocument } from '#kinds/token/schema.ts'
import type { UserDocument } from '#kinds/user/schema.ts'
import type { Desk } from '#program/desk.ts'
import { leaveTrace } from './traces.ts'
import { csrfFor, sameHash, sha256 } from './secrets.ts'

export type Identity = { readonly principal: Principal; readonly isNarrowed: boolean }

/** The headers that may prove something; each one text or absent. */
export type Proofs = {
  readonly authorization: string | undefined
  readonly cookie: string | undefined
  readonly csrf: string | undefined
}

/** What is stored under the hash of a secret; read at the door like anything else. */
export const StoredSecret = z.discriminatedUnion('use', [
  z.object({ use: z.literal('token'), token: z.string(), userId: z.string() }),
  z.object({ use: z.literal('link'), user: z.string(), userId: z.string(), expiresAtMs: z.number() }),
])

export const StoredSession = z.object({
  id: z.string(),
  user: z.string(),
  userId: z.string(),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
  from: z.string(),
  agent: z.string(),
})
export type StoredSession = z.output<typeof StoredSession>

export const localPrincipal: Principal = {
  user: 'admin',
  bindings: [{ project: wholePool, role: 'admin' }],
  via: 'local',
  credential: 'local',
}

export const cookieNames = (isSecure: boolean) => ({
  session: isSecure ? '__Host-decant_session' : 'decant_session',
  csrf: isSecure ? '__Host-decant_csrf' : 'decant_csrf',
})

const invalid = () => new Problem('auth/invalid')

/** Who the proofs belong to; undefined without any. Problem `auth/invalid` when they prove nothing. */
export async function identify(
  desk: Desk,
  proofs: Proofs,
  how: { localTokenHash: string | null; isSecure: boolean; isChange: boolean },
): Promise<Identity | undefined> {
  if (proofs.authorization !== undefined) return bearer(desk, proofs.authorization, how.localTokenHash)
  const secret = cookieValue(proofs.cookie, cookieNames(how.isSecure).session)
  if (secret === undefined) return undefined
  const session = await sessionOf(desk, secret)
  if (session === undefined) throw invalid()
  if (how.isChange && !sameHash(sha256(proofs.csrf ?? ''), sha256(csrfFor(secret))))
    throw new Problem('auth/csrf')
  const user = userStanding(desk, session.userId)
  return {
    principal: { user: user.name, bindings: user.spec.bindings, via: 'session', credential: session.id },
    isNarrowed: false,
  }
}

/** A cookie's value if it has the form of our secrets. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined || header.length > 8192) return undefined
  for (const part of header.split(';')) {
    const equals = part.indexOf('=')
    if (equals < 0 || part.slice(0, equals).trim() !== name) continue
    const value = part.slice(equals + 1).trim()
    return /^[A-Za-z0-9_-]{43}$/.test(value) ? value : undefined
  }
  return undefined
}

export async function sessionOf(desk: Desk, secret: string): Promise<StoredSession | undefined> {
  const entry = await desk.store.get('session', sha256(secret))
  if (entry === undefined) return undefined
  const session = StoredSession.parse(entry.value)
  return session.expiresAtMs > desk.clock.now() ? session : undefined
}

async function bearer(desk: Desk, header: string, localTokenHash: string | null): Promise<Identity> {
  const [, secret] = /^Bearer ([\w~+/.=-]{16,512})$/i.exec(header) ?? []
  if (secret === undefined) throw invalid()
  const hash = sha256(secret)
  if (localTokenHash !== null && sameHash(hash, localTokenHash))
    return { principal: localPrincipal, isNarrowed: false }
  const entry = await desk.store.get('secret', hash)
  const stored = entry === undefined ? undefined : StoredSecret.parse(entry.value)
  if (stored?.use !== 'token') throw invalid()
  const token = desk.replica.get('token', stored.token)?.document as TokenDocument | undefined
  if (token === undefined || isOver(token.spec.expiresAtMs, desk.clock.now())) throw invalid()
  const user = userStanding(desk, stored.userId)
  leaveTrace(desk, { kind: 'token', id: token.id, field: 'lastUsedMs' })
  const held = user.spec.bindings
  const bindings = token.spec.bindings === undefined ? held : narrowed(held, token.spec.bindings)
  return {
    principal: { user: user.name, bindings, via: 'token', credential: token.id },
    isNarrowed: token.spec.bindings !== undefined,
  }
}

const isOver = (expiresAtMs: number | null, nowMs: number) => expiresAtMs !== null && expiresAtMs <= nowMs

function userStanding(desk: Desk, id: string): UserDocument {
  const user = desk.replica.get('user', id)?.document as UserDocument | undefined
  if (user === undefined || user.spec.isDisabled || user.deletingAtMs !== null) throw invalid()
  return user
}

/** What both hold: for each pair, the narrower project and the lower role. */
export function narrowed(held: readonly Binding[], scope: readonly Binding[]): Binding[] {
  return held.flatMap((own) =>
    scope.flatMap((asked) => {
      const isApart =
        own.project !== asked.project && own.project !== wholePool && asked.project !== wholePool
      if (isApart) return []
      const project = own.project === wholePool ? asked.project : own.project
      const role = roles.indexOf(own.role) <= roles.indexOf(asked.role) ? own.role : asked.role
      return [{ project, role }]
    }),
  )
}

/** The bindings that a user's or a token's wish states. */
export function bindingsIn({ spec }: Pick<Document, 'spec'>): readonly Binding[] | undefined {
  const bindings = isObject(spec) ? spec.bindings : undefined
  return Array.isArray(bindings) ? (bindings as readonly Binding[]) : undefined
}
