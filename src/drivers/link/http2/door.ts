/** The words of the link, checked as they come in; what is not said here is not understood. */

import { z } from 'zod'
import type { Json } from '#base/json.ts'
import { problems, type ProblemCode } from '#model/catalogue/problems.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Ask, Down, Hello, Open, Up } from '../port.ts'

/** Whole numbers and texts as our own programs write them; ids and kinds are short. */
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const word = z.string().max(256)
const host = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
const json = z.custom<Json>((value) => value !== undefined, 'is missing')

const hello = z.object({
  host,
  incarnation: word,
  version: word,
  // -1: kept, but unclaimed.
  have: z.record(word, z.int().min(-1)),
})

const down = z.discriminatedUnion('say', [
  z.object({ say: z.literal('sync') }),
  z.object({ say: z.literal('wish'), wish: z.object({ revision: count, document: json }) }),
  z.object({ say: z.literal('forget'), kind: word, id: word }),
  z.object({ say: z.literal('synced'), revision: count }),
  z.object({ say: z.literal('received'), sequence: count }),
])

const up = z.discriminatedUnion('say', [
  z.object({
    say: z.literal('report'),
    sequence: count,
    kind: word,
    id: word,
    generation: count,
    status: json,
    document: json.optional(),
  }),
  z.object({
    say: z.literal('event'),
    sequence: count,
    id: word,
    type: word,
    kind: word,
    objectId: word,
    facts: json,
    atMs: z.number(),
  }),
  z.object({ say: z.literal('heartbeat'), atMs: z.number(), usage: json }),
])

const ask = z.discriminatedUnion('ask', [
  z.object({ ask: z.literal('reset'), guest: word, epoch: count }),
  z.object({ ask: z.literal('send-key'), guest: word, epoch: count, keys: z.array(word).max(1024) }),
  z.object({ ask: z.literal('landed'), image: word }),
  z.object({
    ask: z.literal('inside'),
    guest: word,
    epoch: count,
    act: z.enum(['set-time', 'freeze', 'thaw']),
  }),
  z.object({ ask: z.literal('screenshot'), guest: word }),
  z.object({ ask: z.literal('log'), guest: word }),
])

const open = z.discriminatedUnion('open', [
  z.object({ open: z.literal('serial'), guest: word }),
  z.object({ open: z.literal('vnc'), guest: word }),
  z.object({
    open: z.literal('content'),
    image: word,
    bytes: count.max(limits.uploadBytes).nullable(),
    offset: count.max(limits.uploadBytes),
    total: count.max(limits.uploadBytes).nullable(),
  }),
  z.object({
    open: z.literal('export'),
    of: z.enum(['image', 'volume']),
    ids: z.array(word).min(1).max(limits.disksPerMachine),
    format: z.enum(['qcow2', 'raw', 'ova']),
    appliance: json,
  }),
  z.object({ open: z.literal('inside'), guest: word, epoch: count }),
])

const fact = z.union([z.string().max(4096), z.number(), z.boolean()])
const problem = z.object({
  code: z.string().refine((code): code is ProblemCode => Object.hasOwn(problems, code)),
  facts: z.record(word, fact),
  field: word.optional(),
})

/** Whether the controller lets the agent in: the first word down. */
const verdict = z.object({ say: z.enum(['welcome', 'refused']) })

/** The value if it is one of ours. Problem `request/malformed`. */
const through =
  <T>(schema: z.ZodType<T>) =>
  (value: unknown): T => {
    const read = schema.safeParse(value)
    if (read.success) return read.data
    throw new Problem('request/malformed', { why: 'no word of the link' }, { cause: read.error })
  }

export const helloFrom: (value: unknown) => Hello = through(hello)
export const downFrom: (value: unknown) => Down = through(down)
export const upFrom = through(up) as (value: unknown) => Up
export const askFrom: (value: unknown) => Ask = through(ask)
export const openFrom: (value: unknown) => Open = through(open)
export const verdictFrom = through(verdict)

/** A problem as it travels: no cause, no stack; what is no problem is a bug over there, not to be shown. */
export function problemWords(why: unknown): Json {
  if (!(why instanceof Problem)) return { code: 'bug', facts: { id: 'agent' } }
  return {
    code: why.code,
    facts: why.facts as Json,
    ...(why.field === undefined ? {} : { field: why.field }),
  }
}

export function problemFrom(value: unknown): Problem {
  const read = problem.safeParse(value)
  if (!read.success) return new Problem('bug', { id: 'agent' }, { cause: read.error })
  const { code, facts, field } = read.data
  return new Problem(code, facts, field === undefined ? {} : { field })
}
