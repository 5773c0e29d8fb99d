/**
 * `decant apply -f …` and `decant plan -f …`: objects as files describe them. What a file does not mention
 * stays as it is; what it mentions becomes so. Repeating it changes nothing.
 */

import { differences, isObject, merged, type Difference } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { isReadyWithin } from '#model/ready.ts'
import { kinds } from '#kinds/registry.ts'
import type { Client, Rehearsal, Thing, Wish } from '#client/client.ts'
import { documentOf, exitOf } from '#client/refusal.ts'
import { inert } from '#base/text.ts'
import { noOperands, usage, type Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { documentsFrom, type Sheet } from '../files.ts'
import { kindCalled } from '../nouns/command.ts'
import { sayWhatWaits, settle, waitingFrom } from '../nouns/settle.ts'
import { differenceText, rehearsalLines } from '../rehearsal.ts'
import { inOrder } from '../dependence.ts'
import { oneLine } from '../width.ts'

export type Item = {
  readonly kind: Kind
  readonly name: string
  readonly project: string | undefined
  readonly wish: Wish
}

export type Outcome = {
  readonly kind: string
  readonly name: string
  readonly outcome: 'create' | 'change' | 'keep' | 'failed'
  readonly changes: readonly Difference[]
  readonly plan?: Rehearsal
  readonly object?: Thing
  readonly problem?: Problem
}

/** Exit code of `plan` when something would change. */
export const wouldChange = 10

function itemFrom({ from, value }: Sheet, context: Context): Item {
  const { language } = context.options
  const kind = typeof value.kind === 'string' ? kindCalled(value.kind) : undefined
  const fault = (why: string) => usage(language, 'file-shape', { path: from, why })
  if (kind === undefined) throw fault(`kind: ${kinds.map(({ name }) => name).join(' | ')}`)
  if (typeof value.name !== 'string' || value.name === '') throw fault('name')
  const { spec, labels, description, isProtected } = value
  const given = Object.entries({ spec, labels, description, isProtected }).filter(
    ([, part]) => part !== undefined,
  )
  const project = typeof value.project === 'string' ? value.project : context.options.project
  return { kind, name: value.name, project, wish: Object.fromEntries(given) as Wish }
}

const wishOf = ({ spec, labels, description, isProtected }: Thing) => ({
  spec,
  labels,
  description,
  isProtected,
})

/** What would differ, defaults filled in as the server fills them in, so that `forwards: [80]` stays equal. */
export function changesOf(kind: Kind, thing: Thing, wish: Wish): Difference[] {
  const now = wishOf(thing)
  const after = merged(now, wish)
  const parsed = isObject(after) ? kind.spec.safeParse(after.spec) : undefined
  const known = kind.spec.safeParse(now.spec)
  const before = known.success ? known.data : undefined
  const filled =
    parsed?.success === true && isObject(after)
      ? { ...after, spec: kind.completed?.(parsed.data, before) ?? parsed.data }
      : after
  return differences(known.success ? { ...now, spec: known.data } : now, filled)
}

async function present({ kind, name, project }: Item, client: Client): Promise<Thing | undefined> {
  try {
    return await client.get(kind, name, project)
  } catch (error) {
    if (error instanceof Problem && error.code === 'object/not-found') return undefined
    throw error
  }
}

type Way = (client: Client, item: Item, context: Context) => Promise<Outcome>

const applyOne: Way = async (client, item, context) => {
  const { kind, name, project, wish } = item
  const change = { project, signal: context.world.interrupted }
  const before = await present(item, client)
  const head = { kind: kind.name, name }
  if (before === undefined) {
    const object = await client.create(kind, { name, ...wish }, change)
    return { ...head, outcome: 'create', changes: [], object }
  }
  const changes = changesOf(kind, before, wish)
  if (changes.length === 0) return { ...head, outcome: 'keep', changes, object: before }
  const object = await client.patch(kind, name, wish, change)
  return { ...head, outcome: 'change', changes, object }
}

const planOne: Way = async (client, item, context) => {
  const { kind, name, project, wish } = item
  const change = { project, signal: context.world.interrupted }
  const before = await present(item, client)
  const head = { kind: kind.name, name }
  if (before === undefined) {
    const plan = await client.rehearse(kind, { op: 'create', body: { name, ...wish } }, change)
    return { ...head, outcome: 'create', changes: [], plan }
  }
  const changes = changesOf(kind, before, wish)
  if (changes.length === 0) return { ...head, outcome: 'keep', changes }
  const plan = await client.rehearse(kind, { op: 'patch', name, body: wish }, change)
  return { ...head, outcome: 'change', changes, plan }
}

/** In a rehearsal, what an earlier item would create is not there yet: that is no fault of this one. */
const isMadeBefore = (problem: Problem, made: readonly Outcome[]) =>
  problem.code === 'object/reference' &&
  made.some(
    ({ kind, name, outcome }) =>
      outcome === 'create' &&
      problem.facts.kind === kind &&
      String(problem.facts.name).split('/').at(-1) === name,
  )

async function outcomeOf(way: Way, item: Item, made: readonly Outcome[], context: Context): Promise<Outcome> {
  try {
    return await way(await context.client(), item, context)
  } catch (error) {
    if (
      !(error instanceof Problem) ||
      error.code === 'start/unreachable' ||
      error.code === 'start/not-running'
    )
      throw error
    const head = { kind: item.kind.name, name: item.name, changes: [] }
    if (isMadeBefore(error, made)) return { ...head, outcome: 'create' }
    return { ...head, outcome: 'failed', problem: error }
  }
}

const marks = {
  create: ['+', 'green'],
  change: ['~', 'yellow'],
  keep: ['=', 'dim'],
  failed: ['!', 'red'],
} as const

function sayOutcome({ kind, name, outcome, changes, plan, problem }: Outcome, context: Context) {
  const { paper } = context
  const [mark, colour] = marks[outcome]
  const word = paper.text(`apply-${outcome}`)
  paper.line(paper.paint(colour, `${mark} ${kind} ${oneLine(name)} (${word})`))
  for (const { path, before, after } of changes) paper.line(`    ${differenceText(path, before, after)}`)
  if (plan !== undefined && plan.steps.length + plan.holds.length > 0)
    for (const line of rehearsalLines({ ...plan, changes: [] }, paper)) paper.line(`    ${line}`)
  if (problem === undefined) return
  const { title, detail, advice } = documentOf(problem, paper.language)
  paper.line(`    ${inert(title)}: ${oneLine(detail)} ${oneLine(advice)}`.trimEnd())
}

const count = (outcomes: readonly Outcome[], outcome: Outcome['outcome']) =>
  outcomes.filter((one) => one.outcome === outcome).length

async function sayAll(outcomes: readonly Outcome[], word: 'apply-sum' | 'plan-sum', context: Context) {
  const { paper } = context
  if (context.options.format !== 'table') {
    const told = outcomes.map(({ problem, ...rest }) =>
      problem === undefined ? rest : { ...rest, problem: documentOf(problem, paper.language) },
    )
    return paper.data(told)
  }
  const facts = {
    created: count(outcomes, 'create'),
    changed: count(outcomes, 'change'),
    kept: count(outcomes, 'keep'),
    failed: count(outcomes, 'failed'),
  }
  paper.line(paper.text(word, facts))
}

async function itemsFrom(args: Arguments, context: Context): Promise<Item[]> {
  noOperands(args, context.options.language)
  const files = args.all('file')
  if (files.length === 0)
    throw usage(context.options.language, 'flag-value', { flag: '--file', value: 'FILE|DIR|-' })
  const sheets = await documentsFrom(files, context)
  return inOrder(sheets.map((sheet) => itemFrom(sheet, context)))
}

async function eachOutcome(way: Way, items: readonly Item[], context: Context): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const item of items) {
    const outcome = await outcomeOf(way, item, outcomes, context)
    outcomes.push(outcome)
    if (context.options.format === 'table') sayOutcome(outcome, context)
  }
  return outcomes
}

const failureExit = (outcomes: readonly Outcome[]) => {
  const failed = outcomes.find(({ problem }) => problem !== undefined)?.problem
  return failed === undefined ? undefined : exitOf(failed)
}

/** Exit 0 when all is as wished, else that of the first problem; the other objects are still made. */
export async function apply(args: Arguments, context: Context): Promise<number> {
  const items = await itemsFrom(args, context)
  const waiting = waitingFrom(args, context)
  const outcomes = await eachOutcome(applyOne, items, context)
  await sayAll(outcomes, 'apply-sum', context)
  if (waiting !== undefined) {
    const { seconds, isUntilReady } = waiting
    const client = await context.client()
    for (const [at, { object: thing }] of outcomes.entries()) {
      const kind = items[at]?.kind
      if (thing === undefined || kind === undefined) continue
      const isDone = (seen: typeof thing) => kind.isReady(seen) && (!isUntilReady || isReadyWithin(seen))
      const after = await settle(context, { client, kind, thing, isDone, seconds, isUntilReady })
      if (after !== undefined) sayWhatWaits(after, context)
    }
  }
  return failureExit(outcomes) ?? 0
}

/** Exit 0 when nothing would change, 10 when something would, else that of the first problem. */
export async function plan(args: Arguments, context: Context): Promise<number> {
  const outcomes = await eachOutcome(planOne, await itemsFrom(args, context), context)
  await sayAll(outcomes, 'plan-sum', context)
  const isChange = outcomes.some(({ outcome }) => outcome === 'create' || outcome === 'change')
  return failureExit(outcomes) ?? (isChange ? wouldChange : 0)
}
