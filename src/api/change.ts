/**
 * The one way in which anything is changed over the API: decide (purely), commit (once, with its name, its quota,
 * its repeat and its audit record), and only then answer. A commit that loses a race is decided anew.
 */

import { isObject, type JsonObject } from '#base/json.ts'
import type { Document, Stored } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { nameClaim } from '#model/reference.ts'
import type { Admitted, Around } from '#engines/admission/around.ts'
import { canBeNamed } from '#engines/admission/references.ts'
import { isBounded } from '#engines/admission/usage.ts'
import type { Change } from '#drivers/store/port.ts'
import type { Rehearsal } from '#program/desk.ts'
import type { Room } from './api.ts'
import { companions } from './companions.ts'
import { changesText, outboxed, recordOf, type Subject } from './records.ts'
import { keeping, recall, type Repeat } from './repeats.ts'
import type { Caller } from './route.ts'

export type Order = {
  /** For the audit record: `machine.create`. */
  readonly action: string
  readonly kind: Kind
  readonly project: string | null
  /** Whether the object may go with this. */
  readonly isDelete: boolean
  /** Looks at how things are and decides; called again after each lost race. */
  readonly decide: (around: Around) => Admitted
  readonly repeat: Repeat | undefined
}

export type Done = {
  readonly stored: Stored
  readonly isNew: boolean
  /** Whether it went with the commit. */
  readonly isGone: boolean
  /** What only the maker of it is told, once. */
  readonly told: JsonObject
}

// Each lost race means that another change was made, so progress is certain; the bound is against a bug.
const mostAttempts = 50

export function aroundOf({ desk, kinds, tally }: Room): Around {
  const { replica } = desk
  return {
    kinds,
    find: (kind, project, name) => replica.find(kind, project, name)?.document,
    get: (kind, id) => replica.get(kind, id)?.document,
    *all(kind) {
      for (const { document } of replica.all(kind)) yield document
    },
    usage: (project) => tally.of(project),
    nowMs: desk.clock.now(),
    newId: desk.newId,
  }
}

/** What would be done; changes nothing. */
export function rehearse(room: Room, order: Order): Rehearsal & Pick<Admitted, 'before' | 'after'> {
  const around = aroundOf(room)
  const { before, after } = order.decide(around)
  const next = after ?? (before === undefined ? undefined : { ...before, deletingAtMs: around.nowMs })
  if (next === undefined) throw new Problem('request/malformed', { why: 'there is nothing to rehearse' })
  return { ...room.desk.rehearse(before, next), before, after }
}

export async function carryOut(room: Room, caller: Caller, order: Order): Promise<Done> {
  const { repeat } = order
  if (repeat === undefined) return passed(room, caller, order)
  // Twins that arrive together: one acts, the other finds its answer.
  return room.queues.inTurn(`repeat/${repeat.id}`, async () => {
    const kept = await recall(room.desk, repeat)
    if (kept === undefined) return passed(room, caller, order)
    caller.isRecorded = true
    return doneFrom(kept.outcome, kept.revision)
  })
}

function passed(room: Room, caller: Caller, order: Order): Promise<Done> {
  const { gate, queues, desk, kinds } = room
  const act = () => attempts(room, caller, order)
  if (order.isDelete && canBeNamed(order.kind, kinds)) return gate.alone(act)
  const project = order.project === null ? undefined : desk.replica.find('project', null, order.project)
  const isInTurn = order.project !== null && isBounded(project?.document)
  return gate.together(isInTurn ? () => queues.inTurn(`quota/${order.project}`, act) : act)
}

async function attempts(room: Room, caller: Caller, order: Order): Promise<Done> {
  for (let attempt = 1; ; attempt++) {
    const usage = await usageEntry(room, order)
    try {
      return await attempted(room, caller, { order, usage })
    } catch (error) {
      if (!(error instanceof Problem) || attempt >= mostAttempts) throw error
      if (error.code === 'store/conflict') continue
      if (error.code !== 'store/claimed') throw error
      // A name that the replica does not show yet, or a claim that outlived its object.
      throw new Problem(
        'object/exists',
        { kind: order.kind.name, name: nameIn(error.facts.claim) },
        { field: 'name' },
      )
    }
  }
}

const nameIn = (claim: unknown) => String(claim).split('/').at(-1) ?? ''

type Usage = { readonly project: string; readonly revision: number }

/** Where the project has a quota: its usage entry, whose revision guards the decision. */
async function usageEntry({ desk }: Room, { project }: Order): Promise<Usage | undefined> {
  if (project === null || !isBounded(desk.replica.find('project', null, project)?.document)) return undefined
  const entry = await desk.store.get('usage', project)
  const revision = entry?.revision ?? 0
  await desk.replica.reached(revision)
  return { project, revision }
}

async function attempted(
  room: Room,
  caller: Caller,
  { order, usage }: { order: Order; usage: Usage | undefined },
): Promise<Done> {
  const { desk } = room
  const { kind, before, after, isChanged } = order.decide(aroundOf(room))
  const isNew = before === undefined
  const document = after ?? before
  if (document === undefined) throw new Problem('request/malformed', { why: 'there is nothing to change' })
  const companion = companions[kind.name]
  const born = isNew ? companion?.born?.(desk, document) : undefined
  if (after === null) await companion?.leaving?.(desk, document)
  const stored = isNew ? undefined : desk.replica.get(kind.name, document.id)
  if (before !== undefined && stored?.document !== before)
    throw new Problem('store/conflict', { kind: kind.name, id: document.id })
  const outcome = { document: document as unknown as JsonObject, isNew, isGone: after === null }
  const record = recordOf(desk, caller, {
    action: order.action,
    subject: subjectOf(document),
    outcome: 'done',
    detail: isChanged ? changesText(before, after) : '',
  })
  const { revision } = await desk.replica.commit([
    ...(isChanged ? documentChanges(document, after, stored?.revision ?? 0) : []),
    ...(usage === undefined || !isChanged ? [] : [usagePut(room, usage)]),
    ...(born?.changes ?? []),
    ...(order.repeat === undefined ? [] : [await keeping(desk, order.repeat, outcome)]),
    outboxed(record),
  ])
  caller.isRecorded = true
  room.measures.commits++
  desk.audited()
  const shown = isChanged ? revision : (stored?.revision ?? revision)
  return { stored: { document, revision: shown }, isNew, isGone: after === null, told: born?.told ?? {} }
}

export const subjectOf = ({ kind, project, name }: Document): Subject => ({ kind, project, name })

function documentChanges(document: Document, after: Document | null, expect: number): Change[] {
  const { kind, id, project, name } = document
  const claim = nameClaim(kind, project, name)
  if (after === null) {
    return [
      { op: 'remove', kind, id, expect },
      { op: 'release', claim, holder: id },
    ]
  }
  const put: Change = { op: 'put', kind, id, value: after as unknown as JsonObject, expect }
  return expect === 0 ? [put, { op: 'claim', claim, holder: id }] : [put]
}

const usagePut = ({ tally }: Room, { project, revision }: Usage): Change => ({
  op: 'put',
  kind: 'usage',
  id: project,
  value: { ...tally.of(project) },
  expect: revision,
})

function doneFrom(outcome: Readonly<Record<string, unknown>>, revision: number): Done {
  const { document, isNew, isGone } = outcome
  if (!isObject(document)) throw new Problem('request/idempotency-mismatch')
  const stored = { document: document as unknown as Document, revision }
  return { stored, isNew: isNew === true, isGone: isGone === true, told: {} }
}
