/** What a few kinds need besides their document: the secret of a token, what goes with a user. */

import type { JsonObject } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { nameClaim } from '#model/reference.ts'
import type { Change } from '#drivers/store/port.ts'
import type { TokenDocument } from '#kinds/token/schema.ts'
import type { Desk } from '#program/desk.ts'
import { StoredSecret, StoredSession } from './identity.ts'
import { newSecret, sha256, tokenPrefix } from './secrets.ts'

type Companion = {
  /** What is committed with a new one, and what only its maker is told. */
  born?(desk: Desk, document: Document): { readonly changes: readonly Change[]; readonly told: JsonObject }
  /** Done before it goes; may be repeated. */
  leaving?(desk: Desk, document: Document): Promise<void>
}

export const companions: Readonly<Record<string, Companion>> = {
  token: {
    born: (desk, document) => {
      const { user } = (document as TokenDocument).spec
      const userId = desk.replica.find('user', null, user)?.document.id
      const held = [...desk.replica.all('token')].filter(
        (token) => (token.document as TokenDocument).spec.user === user,
      )
      if (userId === undefined)
        throw new Problem('object/reference', { field: 'spec.user', kind: 'user', name: user })
      if (held.length >= limits.tokensPerUser)
        throw new Problem('request/too-many', { limit: limits.tokensPerUser, what: 'tokens' })
      const secret = `${tokenPrefix}${newSecret()}`
      const value = { use: 'token', token: document.id, userId }
      return {
        changes: [{ op: 'put', kind: 'secret', id: sha256(secret), value, expect: 0 }],
        told: { secret },
      }
    },
    leaving: (desk, { id }) => dropSecrets(desk, (secret) => secret.use === 'token' && secret.token === id),
  },
  project: {
    leaving: async (desk, { name }) => {
      await desk.replica.commit([{ op: 'remove', kind: 'usage', id: name }])
    },
  },
  user: {
    leaving: async (desk, { id, name }) => {
      await dropSecrets(desk, (secret) => secret.userId === id)
      await dropSessions(desk, (session) => session.userId === id)
      const tokens = [...desk.replica.all('token')].map(({ document }) => document as TokenDocument)
      await commitAll(desk, tokens.filter(({ spec }) => spec.user === name).flatMap(goneChanges))
    },
  },
}

const goneChanges = ({ kind, id, project, name }: Document): Change[] => [
  { op: 'remove', kind, id },
  { op: 'release', claim: nameClaim(kind, project, name), holder: id },
]

async function dropSecrets(desk: Desk, isGone: (secret: (typeof StoredSecret)['_output']) => boolean) {
  const { entries } = await desk.store.snapshot('secret')
  const gone = entries.filter(({ value }) => isGone(StoredSecret.parse(value)))
  await commitAll(
    desk,
    gone.map(({ kind, id }) => ({ op: 'remove', kind, id })),
  )
}

export async function dropSessions(desk: Desk, isGone: (session: StoredSession) => boolean): Promise<number> {
  const { entries } = await desk.store.snapshot('session')
  const gone = entries.filter(({ value }) => isGone(StoredSession.parse(value)))
  await commitAll(
    desk,
    gone.map(({ kind, id }) => ({ op: 'remove', kind, id })),
  )
  return gone.length
}

/** Commits as many as fit at a time; each may be repeated. */
export async function commitAll(desk: Desk, changes: readonly Change[]): Promise<void> {
  const most = limits.changesPerCommit / 2
  for (let at = 0; at < changes.length; at += most) await desk.replica.commit(changes.slice(at, at + most))
}
