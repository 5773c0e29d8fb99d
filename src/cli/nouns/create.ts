/** `decant KIND create NAME` and `decant KIND edit NAME` */

import { isObject, same } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import { isReadyWithin } from '#model/ready.ts'
import type { Client, Thing, Wish } from '#client/client.ts'
import { onlyOperand, usage, type Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { edited } from '../editor.ts'
import { labelsFrom, specFrom } from '../wish.ts'
import { oneLine } from '../width.ts'
import { changeOf, factsOf, giveBack, type Action } from './noun.ts'
import { forwardsOf, forwardText } from './portraits.ts'
import { sayWhatWaits, settle, waitFlag, waitingFrom, type WaitingFor } from './settle.ts'
import {
  fieldFlagsOf,
  generationFlag,
  planFlag,
  requireSomething,
  sayRehearsal,
  wishFlags,
  wishFrom,
  withFiles,
} from './wishing.ts'

/** Where it answers, once it runs. */
function sayWhere(thing: Thing, context: Context) {
  if (context.options.format !== 'table') return
  for (const forward of forwardsOf(thing)) context.paper.line(`  ${forwardText(forward)}`)
}

export async function settled(
  kind: Kind,
  thing: Thing,
  { client, waiting, context }: { client: Client; waiting: WaitingFor | undefined; context: Context },
): Promise<Thing> {
  if (waiting === undefined) return thing
  const { seconds, isUntilReady } = waiting
  const isDone = (seen: Thing) => kind.isReady(seen) && (!isUntilReady || isReadyWithin(seen))
  const ready = (await settle(context, { client, kind, thing, isDone, seconds, isUntilReady })) ?? thing
  if (context.options.format === 'table')
    context.paper.line(context.paper.text('ready', factsOf(kind, thing.name)))
  sayWhatWaits(ready, context)
  sayWhere(ready, context)
  return ready
}

/** A new token's secret is shown once: the server keeps only its hash. */
function saySecret(thing: Thing, context: Context) {
  const { secret } = thing as { secret?: unknown }
  if (typeof secret !== 'string' || context.options.format !== 'table') return
  context.paper.note(context.paper.text('token-once'))
  context.paper.line(oneLine(secret))
}

/** A new object's name, and what its wish begins with before anything is typed. */
type Asked = { readonly name: string; readonly base?: object }

/** Creates and says so; the object as it is after waiting, if that was asked for. */
export async function created(
  kind: Kind,
  { name, base = {} }: Asked,
  args: Arguments,
  context: Context,
): Promise<Thing> {
  const client = await context.client()
  const wish = await wishFrom(kind, args, context, base)
  const waiting = waitingFrom(args, context)
  const thing = await client.create(kind, { name, ...wish }, changeOf(context, args))
  if (context.options.format === 'table')
    context.paper.line(context.paper.text('created', factsOf(kind, name)))
  saySecret(thing, context)
  return settled(kind, thing, { client, waiting, context })
}

const create = (kind: Kind, args: Arguments, context: Context): Promise<number> =>
  createdFrom(kind, { name: onlyOperand(args, 'NAME', context.options.language) }, args, context)

/** Creates, or says what that would do. */
export async function createdFrom(
  kind: Kind,
  asked: Asked,
  args: Arguments,
  context: Context,
): Promise<number> {
  if (args.has('plan')) {
    const client = await context.client()
    const body = { name: asked.name, ...(await wishFrom(kind, args, context, asked.base)) }
    return sayRehearsal(context, await client.rehearse(kind, { op: 'create', body }, changeOf(context, args)))
  }
  await giveBack(context, [await created(kind, asked, args, context)], false)
  return 0
}

/** Only what differs: a merge patch leaves the rest to others. */
function specPatch(before: Thing, spec: Record<string, unknown>): Record<string, unknown> | undefined {
  const names = Object.keys(spec).filter((name) => !same(before.spec[name], spec[name]))
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, spec[name]]))
}

async function patchFrom(kind: Kind, before: Thing, given: Arguments, context: Context): Promise<Wish> {
  const { language } = context.options
  const reading = { language, nowMs: context.world.nowMs() }
  const args = await withFiles(given, kind, context)
  const spec = specPatch(before, specFrom(before.spec, args, fieldFlagsOf(kind), reading))
  const [description, isProtected] = [args.one('description'), args.one('protected')]
  return {
    ...(spec === undefined ? {} : { spec }),
    ...(args.all('label').length > 0 ? { labels: labelsFrom(args.all('label'), language) } : {}),
    ...(description === undefined ? {} : { description }),
    ...(isProtected === undefined ? {} : { isProtected: isProtected === 'true' }),
  }
}

const isTyped = (kind: Kind, args: Arguments) =>
  wishFlags(kind).some(({ name }) => name !== 'file' && args.all(name).length > 0)

/** The whole wish from a file or the person's editor. */
async function replacement(before: Thing, args: Arguments, context: Context): Promise<Wish> {
  const { spec, labels, description, isProtected } = before
  const wish = { spec, labels, description, isProtected }
  if (args.one('file') === undefined)
    return (await edited(wish, `${before.kind}-${before.name}`, context)) as Wish
  const { documentsFrom } = await import('../files.ts')
  const [sheet] = await documentsFrom([args.one('file') ?? ''], context)
  if (sheet === undefined) throw usage(context.options.language, 'nothing-to-change')
  return isObject(sheet.value.spec) ? (sheet.value as Wish) : { ...wish, spec: sheet.value }
}

async function edit(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const name = onlyOperand(args, 'NAME', context.options.language)
  const client = await context.client()
  const before = await client.get(kind, name, context.options.project)
  const isWhole = !isTyped(kind, args)
  const wish = isWhole
    ? await replacement(before, args, context)
    : await patchFrom(kind, before, args, context)
  requireSomething(wish, context)
  const change = changeOf(context, args)
  if (args.has('plan')) {
    const call = { op: isWhole ? ('replace' as const) : ('patch' as const), name, body: wish }
    return sayRehearsal(context, await client.rehearse(kind, call, change))
  }
  // Lists are sent whole, so that nobody's change of the same list gets lost unseen.
  const held = { ifGeneration: before.generation, ...change }
  const after = await (isWhole
    ? client.replace(kind, name, wish, held)
    : client.patch(kind, name, wish, held))
  const word = after.generation === before.generation ? 'unchanged' : 'changed'
  if (context.options.format === 'table') context.paper.line(context.paper.text(word, factsOf(kind, name)))
  const waiting = waitingFrom(args, context)
  await giveBack(context, [await settled(kind, after, { client, waiting, context })], false)
  return 0
}

export const createAction = (kind: Kind): Action => ({
  name: 'create',
  summary: `Create ${/^[aeiou]/.test(kind.name) ? 'an' : 'a'} ${kind.name}`,
  operands: 'NAME',
  flags: () => [...wishFlags(kind), waitFlag, planFlag],
  run: (args, context) => create(kind, args, context),
})

export const editAction = (kind: Kind): Action => ({
  name: 'edit',
  summary: 'Change what is wished; without flags, in your editor',
  operands: 'NAME',
  flags: () => [...wishFlags(kind), waitFlag, planFlag, generationFlag],
  run: (args, context) => edit(kind, args, context),
})
