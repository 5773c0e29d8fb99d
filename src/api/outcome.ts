/** From an order to its answer: rehearsed, or carried out and perhaps waited for. */

import { typed } from '#engines/admission/around.ts'
import { reasons } from '#model/catalogue/reasons.ts'
import type { Document, Stored } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { isReadyWithin } from '#model/ready.ts'
import { say } from '#model/sentence.ts'
import type { Room } from './api.ts'
import { carryOut, rehearse, type Order } from './change.ts'
import { etagOf } from './preconditions.ts'
import { presented, withMessage, withSentence } from './present.ts'
import { changesBetween } from './records.ts'
import { oneOf, wholeNumber, type Query } from './query.ts'
import { fieldProblem } from '#engines/admission/fields.ts'
import type { Answer, Caller } from './route.ts'

export const longestWaitSeconds = 600

export type Manner = {
  readonly isRehearsal: boolean
  readonly waitSeconds: number | undefined
  /** Whether what runs inside must say that it is done as well. */
  readonly isUntilReady: boolean
}

export function mannerFrom(query: Query): Manner {
  const dryRun = oneOf(query, 'dryRun')
  if (dryRun !== undefined && dryRun !== 'plan') throw fieldProblem('dryRun', 'choice', { choices: 'plan' })
  const isRehearsal = dryRun === 'plan'
  if (oneOf(query, 'wait') === 'ready')
    return { isRehearsal, waitSeconds: longestWaitSeconds, isUntilReady: true }
  const waitSeconds = wholeNumber(query, 'wait', { least: 0, most: longestWaitSeconds })
  return { isRehearsal, waitSeconds: waitSeconds === 0 ? undefined : waitSeconds, isUntilReady: false }
}

export async function answered(
  room: Room,
  caller: Caller,
  order: Order,
  manner: Manner & { readonly done?: (document: Document) => boolean },
): Promise<Answer> {
  if (manner.isRehearsal) return rehearsed(room, caller, order)
  const { stored, isNew, isGone, told } = await carryOut(room, caller, order)
  const { waitSeconds } = manner
  if (waitSeconds !== undefined && !isGone) {
    const done = manner.done ?? ((document: Document) => order.kind.isReady(typed(document)))
    const isDone = (document: Document) => done(document) && (!manner.isUntilReady || isReadyWithin(document))
    const goal = { kind: order.kind, stored, seconds: waitSeconds }
    const last = order.isDelete ? await untilGone(room, goal) : await untilReady(room, goal, isDone)
    return { ...sent(room, caller, { stored: last, told }), status: isNew ? 201 : 200 }
  }
  const isGoing = order.isDelete && !isGone
  return { ...sent(room, caller, { stored, told }), status: isNew ? 201 : isGoing ? 202 : 200 }
}

/** An object as an answer, with its ETag. */
export function sent(
  { desk }: Room,
  { language }: Caller,
  { stored, told = {} }: { stored: Stored; told?: Record<string, unknown> },
): Answer {
  return {
    status: 200,
    headers: { etag: etagOf(stored.document) },
    body: { ...presented(desk, stored, language), ...told },
  }
}

function rehearsed(room: Room, { language }: Caller, order: Order): Answer {
  const { before, after, steps, holds, predicted } = rehearse(room, order)
  const shown = (document: Document | null | undefined) =>
    document === null || document === undefined
      ? null
      : presented(room.desk, { document, revision: 0 }, language)
  const changes = changesBetween(before, after ?? undefined)
  const said = holds.map((hold) => withMessage(hold, language))
  const body = {
    dryRun: 'plan',
    before: shown(before),
    after: shown(after),
    changes: changes.map(({ path, before = null, after = null }) => ({ path, before, after })),
    steps: steps.map((step) => withSentence(step, language)),
    holds: said,
    predicted: shown(predicted),
  }
  return { status: 200, body }
}

type Goal = { readonly kind: Kind; readonly stored: Stored; readonly seconds: number }

const late = ({ kind, stored, seconds }: Goal) =>
  new Problem('request/timeout', { kind: kind.name, name: stored.document.name, seconds })

async function untilReady(room: Room, goal: Goal, isDone: (document: Document) => boolean): Promise<Stored> {
  const { kind, stored } = goal
  const { id, name } = stored.document
  const reached = await room.waiting.until(
    { kind: kind.name, id },
    (now) => {
      if (now === undefined) throw new Problem('object/not-found', { kind: kind.name, name })
      if (isDone(now.document)) return now
      const failure = kind.hasFailed?.(typed(now.document))
      if (failure === undefined) return undefined
      const why = say(reasons[failure.code], failure.facts)
      throw new Problem('object/failed', {
        ...failure.facts,
        kind: kind.name,
        name,
        reason: failure.code,
        why,
      })
    },
    goal.seconds * 1000,
  )
  if (reached === undefined) throw late(goal)
  return reached
}

async function untilGone(room: Room, goal: Goal): Promise<Stored> {
  let last = goal.stored
  const look = (now: Stored | undefined) => {
    last = now ?? last
    return now === undefined ? true : undefined
  }
  const isGone = await room.waiting.until(
    { kind: goal.kind.name, id: goal.stored.document.id },
    look,
    goal.seconds * 1000,
  )
  if (isGone === undefined) throw late(goal)
  return last
}
