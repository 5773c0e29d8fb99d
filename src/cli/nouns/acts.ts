/** `decant KIND VERB NAME`, `decant KIND SIGNAL NAME`, `decant KIND LOOK NAME` */

import { writeFile } from 'node:fs/promises'
import { bytesText } from '#base/quantity.ts'
import { isObject, type JsonObject } from '#base/json.ts'
import type { Kind, Look, Signal, Verb } from '#model/kind.ts'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'
import { isReadyWithin } from '#model/ready.ts'
import { onlyOperand, usage, type Arguments } from '../arguments.ts'
import { isAgreed, yesFlag } from '../ask.ts'
import type { Context, Flag } from '../command.ts'
import { everywhere } from '../everywhere.ts'
import { fieldFlags, type FieldFlag } from '../flags.ts'
import { schemaOf } from '../schema.ts'
import { specFrom } from '../wish.ts'
import { oneLine } from '../width.ts'
import { changeOf, factsOf, forEach, giveBack, namesOf, type Action } from './noun.ts'
import { sayWhatWaits, settle, waitFlag, waitingFrom } from './settle.ts'
import { generationFlag, planFlag, sayRehearsal } from './wishing.ts'

const reserved = new Set([...everywhere, waitFlag, planFlag, generationFlag, yesFlag].map(({ name }) => name))

const inputFlags = (act: Verb | Signal): readonly FieldFlag[] =>
  act.input === undefined ? [] : fieldFlags(schemaOf(act.input), 'with', reserved)

const inputOf = (act: Verb | Signal, args: Arguments, context: Context): JsonObject =>
  specFrom({}, args, inputFlags(act), {
    language: context.options.language,
    nowMs: context.world.nowMs(),
  }) as JsonObject

type Named<A> = { readonly kind: Kind; readonly name: string; readonly act: A }

async function agrees(noun: Named<Verb | Signal>, name: string, args: Arguments, context: Context) {
  const { kind, act } = noun
  if (act.loses === undefined) return true
  const { language } = context.options
  const question = `${act.title[language]}: ${kind.name} ${oneLine(name)}? ${act.loses[language]}`
  return isAgreed(question, args, context)
}

/** Input of which there is one that must be said may follow the name: `machine revert web s1`. */
const placedInputs: Readonly<Record<string, string>> = { revert: 'snapshot' }

function placedOf({ name }: Named<Verb>, args: Arguments) {
  const field = placedInputs[name]
  if (field === undefined || args.one(field) !== undefined || args.operands.length !== 2) return undefined
  const [object = '', value = ''] = args.operands
  return { names: [object], input: { [field]: value } }
}

async function verb(noun: Named<Verb>, args: Arguments, context: Context): Promise<number> {
  const { kind, act } = noun
  const placed = placedOf(noun, args)
  const names = placed?.names ?? namesOf(args, context)
  const client = await context.client()
  const input = { ...inputOf(act, args, context), ...placed?.input }
  const { paper, options } = context
  const things = await forEach(names, async (name) => {
    if (args.has('plan')) {
      const call = { op: 'verb' as const, name, verb: noun.name, body: input }
      await sayRehearsal(context, await client.rehearse(kind, call, changeOf(context, args)))
      return undefined
    }
    if (!(await agrees(noun, name, args, context))) return undefined
    const thing = await client.verb(kind, name, { name: noun.name, input }, changeOf(context, args))
    const waiting = waitingFrom(args, context)
    const isUntilReady = waiting?.isUntilReady === true
    const isDone = (seen: typeof thing) => act.done(seen) && (!isUntilReady || isReadyWithin(seen))
    const after =
      waiting === undefined
        ? thing
        : ((await settle(context, { client, kind, thing, isDone, ...waiting })) ?? thing)
    const facts = { ...factsOf(kind, name), what: act.title[options.language] }
    if (options.format === 'table') paper.line(paper.text(isDone(after) ? 'done' : 'accepted', facts))
    if (waiting !== undefined) sayWhatWaits(after, context)
    return after
  })
  if (things.length > 0) await giveBack(context, things, names.length > 1)
  return things.length === names.length || args.has('plan') ? 0 : 3
}

async function signal(noun: Named<Signal>, args: Arguments, context: Context): Promise<number> {
  const { kind, act } = noun
  const names = namesOf(args, context)
  const client = await context.client()
  const input = inputOf(act, args, context)
  const { paper, options } = context
  for (const name of names) {
    if (!(await agrees(noun, name, args, context))) return 3
    const answer = await client.signal(kind, name, { name: noun.name, input }, changeOf(context, args))
    const facts = { ...factsOf(kind, name), what: act.title[options.language] }
    if (options.format === 'table') paper.line(paper.text('sent', facts))
    else await paper.data(answer)
  }
  return 0
}

const outputFlag: Flag = {
  name: 'output',
  short: 'o',
  value: 'FILE',
  summary: 'Where to write it; `-`: standard output',
}

const codeOf = (error: unknown) => (isObject(error) ? String(error.code ?? error.message) : String(error))

async function save(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(path, bytes)
  } catch (cause) {
    throw new Problem('setting/invalid', { setting: '--output', why: `${path}: ${codeOf(cause)}` }, { cause })
  }
}

async function look({ kind, name, act }: Named<Look>, args: Arguments, context: Context): Promise<number> {
  const { world, paper, options } = context
  const operand = onlyOperand(args, 'NAME', options.language)
  const path = args.one('output')
  const isPicture = !/^(text\/|application\/octet-stream)/.test(act.mediaType)
  if (path === undefined && isPicture && world.stdout.isTTY === true)
    throw usage(options.language, 'flag-value', { flag: '--output', value: 'FILE' })
  const client = await context.client()
  const bytes = await client.look(kind, operand, name, options.project)
  if (path !== undefined && path !== '-') {
    await save(path, bytes)
    paper.note(paper.text('saved', { bytes: bytesText(bytes.byteLength), path }))
  } else if (world.stdout.isTTY === true) {
    // A guest wrote this: on a terminal it must not move the cursor.
    paper.line(inert(new TextDecoder().decode(bytes).replaceAll('\r\n', '\n')))
  } else world.stdout.write(bytes)
  return 0
}

/** Every act of a kind as an action. */
export const actActions = (kind: Kind): readonly Action[] => [
  ...Object.entries(kind.verbs).map(([name, act]): Action => ({
    name,
    summary: act.summary,
    operands: Object.hasOwn(placedInputs, name) ? 'NAME SNAPSHOT' : 'NAME…',
    flags: () => [
      ...inputFlags(act),
      waitFlag,
      planFlag,
      generationFlag,
      ...(act.loses === undefined ? [] : [yesFlag]),
    ],
    run: (args, context) => verb({ kind, name, act }, args, context),
  })),
  ...Object.entries(kind.signals).map(([name, act]): Action => ({
    name,
    summary: act.summary,
    operands: 'NAME…',
    flags: () => [...inputFlags(act), ...(act.loses === undefined ? [] : [yesFlag])],
    run: (args, context) => signal({ kind, name, act }, args, context),
  })),
  ...Object.entries(kind.looks).map(([name, act]): Action => ({
    name,
    summary: act.summary,
    operands: 'NAME',
    flags: () => [outputFlag],
    run: (args, context) => look({ kind, name, act }, args, context),
  })),
]
