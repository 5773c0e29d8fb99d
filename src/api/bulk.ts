/** Several changes in one call: each by itself, each with a result and an audit record of its own. */

import { z } from 'zod'
import { canonical } from '#base/json.ts'
import { read, fieldProblem } from '#engines/admission/fields.ts'
import { typed } from '#engines/admission/around.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { commonProject } from '#model/reference.ts'
import type { Room } from './api.ts'
import { problemFrom } from './faults.ts'
import { spoken } from './language.ts'
import { operations, orderFor, type Wanted } from './orders.ts'
import { answered, mannerFrom } from './outcome.ts'
import { onlyKnown } from './query.ts'
import { recordOf } from './records.ts'
import { partOf, repeatFrom, type Repeat } from './repeats.ts'
import type { Call, Caller, Route } from './route.ts'

export const Item = z.strictObject({
  op: z.enum(operations),
  kind: z.string().max(64),
  project: z.string().max(63).optional(),
  name: z.string().max(127).optional(),
  body: z.unknown().optional(),
  verb: z.string().max(64).optional(),
  input: z.unknown().optional(),
})
type Item = z.output<typeof Item>

export const Bulk = z.strictObject({ items: z.array(Item).max(limits.bulkItems) })

export const bulkRoute = (room: () => Room): Route => ({
  method: 'POST',
  path: '/api/v1/bulk',
  summary: 'Several changes, in order, each with a result of its own',
  role: 'signed-in',
  scope: 'none',
  isChange: true,
  action: 'bulk',
  takes: 'json',
  input: Bulk,
  answers: '`results`: `status` with `object`, `plan` or `problem` for each item',
  handle: (call) => bulk(room(), call),
})

async function bulk(room: Room, call: Call) {
  const { caller, query, body, request } = call
  onlyKnown(query, ['dryRun', 'wait'])
  const manner = mannerFrom(query)
  const { items } = read(Bulk, body)
  const repeat = repeatFrom(request.headers['idempotency-key'], caller.principal, `bulk ${canonical(body)}`)
  const results: unknown[] = []
  for (const [index, item] of items.entries()) {
    const each: Caller = { ...caller, isRecorded: false }
    results.push(await result(room, each, { item, manner, repeat: partOf(repeat, index) }))
  }
  caller.isRecorded = true
  return { status: 200, body: { results } }
}

type One = {
  readonly item: Item
  readonly manner: ReturnType<typeof mannerFrom>
  readonly repeat: Repeat | undefined
}

async function result(room: Room, caller: Caller, { item, manner, repeat }: One) {
  const { desk } = room
  try {
    const wanted = wantedFrom(room, item, repeat)
    const own = wanted.verb === undefined ? undefined : wanted.kind.verbs[wanted.verb]
    const { status, body } = await answered(room, caller, orderFor(room, caller, wanted), {
      ...manner,
      ...(own === undefined ? {} : { done: (document) => own.done(typed(document)) }),
    })
    return manner.isRehearsal ? { status, plan: body } : { status, object: body }
  } catch (error) {
    const problem = problemFrom(error, { newId: desk.newId, log: room.log })
    const said = spoken(problem, caller.language)
    if (!manner.isRehearsal && !caller.isRecorded)
      await room.refusals.write(refusalOf(room, caller, item, problem))
    return { status: said.status, problem: said }
  }
}

function refusalOf({ desk }: Room, caller: Caller, item: Item, { code }: Problem) {
  const subject = { kind: inName(item.kind), project: inName(item.project) || null, name: inName(item.name) }
  const action = `${inName(item.kind)}.${item.op === 'verb' ? inName(item.verb) : item.op}`
  return recordOf(desk, caller, { action, subject, outcome: 'refused', code })
}

const inName = (text = '') => (/^[a-z0-9-]{1,63}$/.test(text) ? text : '')

function wantedFrom({ kinds }: Room, item: Item, repeat: Repeat | undefined): Wanted {
  const { op, name, verb, body, input } = item
  const kind = kinds.find(({ name }) => name === item.kind)
  if (kind === undefined) throw fieldProblem('kind', 'query')
  if (op !== 'create' && name === undefined) throw fieldProblem('name', 'required')
  if (op === 'verb' && verb === undefined) throw fieldProblem('verb', 'required')
  return {
    op,
    kind,
    project: kind.scope === 'pool' ? null : (item.project ?? commonProject),
    name,
    body: op === 'verb' ? input : body,
    ...(verb === undefined ? {} : { verb }),
    preconditions: {},
    repeat,
  }
}
