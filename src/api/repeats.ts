/** Idempotency keys: a request that is sent again acts once and gets the same answer (I-21). */

import { z } from 'zod'
import type { Json, JsonObject } from '#base/json.ts'
import { fieldProblem } from '#engines/admission/fields.ts'
import type { Principal } from '#model/access.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Change } from '#drivers/store/port.ts'
import type { Desk } from '#program/desk.ts'
import { sha256 } from './secrets.ts'

export type Repeat = {
  /** Where it is kept: a hash of the key and of whose it is. */
  readonly id: string
  /** A hash of what was asked. */
  readonly asked: string
}

const Kept = z.object({
  asked: z.string(),
  expiresAtMs: z.number(),
  outcome: z.record(z.string(), z.unknown()),
})

export type KeptOutcome = { readonly outcome: Readonly<Record<string, unknown>>; readonly revision: number }

/** Reads the header; undefined without one. `asked` is all that makes the request what it is. */
export function repeatFrom(
  header: unknown,
  { user, credential }: Principal,
  asked: string,
): Repeat | undefined {
  if (header === undefined) return undefined
  const isKey =
    typeof header === 'string' && header.length <= limits.idempotencyKeyChars && /^[!-~]+$/.test(header)
  if (!isKey) throw fieldProblem('idempotency-key', 'form')
  return { id: sha256(`${user}\0${credential}\0${header}`), asked: sha256(asked) }
}

/** The same key for one part of a request. */
export const partOf = (repeat: Repeat | undefined, part: number): Repeat | undefined =>
  repeat === undefined ? undefined : { ...repeat, id: sha256(`${repeat.id}\0${part}`) }

/** What the first request came to, if there was one. */
export async function recall(desk: Desk, repeat: Repeat): Promise<KeptOutcome | undefined> {
  const entry = await desk.store.get('idempotency', repeat.id)
  if (entry === undefined) return undefined
  const kept = Kept.parse(entry.value)
  if (kept.expiresAtMs <= desk.clock.now()) return undefined
  if (kept.asked !== repeat.asked) throw new Problem('request/idempotency-mismatch')
  return { outcome: kept.outcome, revision: entry.revision }
}

/** The change that keeps an outcome, for the same commit as what it is about. */
export async function keeping(desk: Desk, repeat: Repeat, outcome: JsonObject): Promise<Change> {
  // An expired entry may still lie there; it is replaced, but only as it was seen.
  const old = await desk.store.get('idempotency', repeat.id)
  const value: Json = {
    asked: repeat.asked,
    expiresAtMs: desk.clock.now() + limits.idempotencyKeepMs,
    outcome,
  }
  return { op: 'put', kind: 'idempotency', id: repeat.id, value, expect: old?.revision ?? 0 }
}
