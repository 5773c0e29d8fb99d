/** A route as data, and what passes through it. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Principal, Role } from '#model/access.ts'
import type { Language } from '#model/sentence.ts'
import type { Query } from './query.ts'

/** Somebody who calls, and the call that they make. */
export type Caller = {
  readonly principal: Principal
  /** Whether the credential holds less than its user does. */
  readonly isNarrowed: boolean
  readonly requestId: string
  /** Address that they call from. */
  readonly from: string
  readonly language: Language
  /** Set once the call has its audit record. */
  isRecorded: boolean
}

export type Call = {
  readonly route: Route
  readonly caller: Caller
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: unknown
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

export type Answer = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Sent as JSON, unless it is text or bytes with a content type of their own. */
  readonly body?: unknown
}

/** The handler has taken the socket and answers by itself. */
export const taken = Symbol('taken')

export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With `:name` for what varies. */
  readonly path: string
  readonly summary: string
  /** The least role; `anyone` needs no sign-in, `signed-in` any. */
  readonly role: Role | 'anyone' | 'signed-in'
  /** Where the role must be held: for the object addressed, for the project named, or for the whole pool. */
  readonly scope: 'object' | 'project' | 'pool' | 'none'
  readonly kind?: string
  readonly isChange: boolean
  /** What happened, for audit records: `machine.start`. */
  readonly action: string
  readonly takes?: 'json' | 'form' | 'bytes'
  /** For the reference: the form of the body and of the answer. */
  readonly input?: z.ZodType
  readonly answers?: string
  handle(call: Call): Promise<Answer | typeof taken>
}
