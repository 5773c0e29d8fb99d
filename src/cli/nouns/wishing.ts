/** The flags and the reading that create, edit and run share: what a person wishes an object to be. */

import { isObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import type { Rehearsal, Wish } from '#client/client.ts'
import { usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { everywhere } from '../everywhere.ts'
import { documentsFrom, fileText } from '../files.ts'
import { specFlags, type FieldFlag } from '../flags.ts'
import { rehearsalLines } from '../rehearsal.ts'
import { shorthands } from '../shorthands.ts'
import { labelsFrom, specFrom } from '../wish.ts'
import { waitFlag } from './settle.ts'

const words: readonly Flag[] = [
  { name: 'description', value: 'TEXT', summary: 'Words about it' },
  { name: 'label', value: 'KEY=VALUE', isRepeatable: true, summary: 'A label; `KEY-` takes one off' },
  { name: 'protected', summary: 'Refuse to delete it' },
  {
    name: 'set',
    value: 'PATH=VALUE',
    isRepeatable: true,
    summary: 'Any field of the spec: nics.0.network=lab',
  },
  { name: 'file', short: 'f', value: 'PATH', summary: 'Begin with this YAML or JSON; `-`: standard input' },
]

export const planFlag: Flag = { name: 'plan', summary: 'Only say what would happen' }
export const generationFlag: Flag = {
  name: 'if-generation',
  value: 'N',
  summary: 'Only if nobody changed it since this generation',
}

const alsoTaken = ['yes', 'output', 'name', 'rm', 'detach', 'version']
const reserved = new Set(
  [...everywhere, ...words, planFlag, generationFlag, waitFlag].map(({ name }) => name).concat(alsoTaken),
)

const memory = new Map<string, readonly FieldFlag[]>()

/** Flags of the fields, the friendlier ones first. */
export function fieldFlagsOf(kind: Kind): readonly FieldFlag[] {
  const known = memory.get(kind.name) ?? allFlags(kind)
  memory.set(kind.name, known)
  return known
}

/** What is said in a friendlier way is not said in the other as well. */
function allFlags(kind: Kind): readonly FieldFlag[] {
  const friendly = shorthands[kind.name] ?? []
  const [names, paths] = [friendly.map(({ name }) => name), friendly.map(({ path }) => path)]
  const rest = specFlags(kind, reserved).filter(
    ({ name, path }) => !names.includes(name) && !paths.includes(path),
  )
  return [...friendly, ...rest]
}

/** Each name once: flags that share one are told apart by their values. */
export const wishFlags = (kind: Kind): readonly Flag[] => {
  const flags: readonly Flag[] = [...fieldFlagsOf(kind), ...words]
  return flags.filter(({ name }, at) => flags.findIndex((flag) => flag.name === name) === at)
}

/** The same arguments with the text of each file in place of its name. */
export async function withFiles(args: Arguments, kind: Kind, context: Context): Promise<Arguments> {
  const read = new Map<string, readonly string[]>()
  for (const { name, isFile } of fieldFlagsOf(kind)) {
    const given = isFile === true ? args.all(name) : []
    if (given.length === 0) continue
    // A key itself has a space in it, a file's name seldom: what cannot be a file is taken as it is.
    const texts = given.map(async (text) =>
      /^\S+ \S/.test(text) || text === '' ? text : await fileText(text, context),
    )
    read.set(name, await Promise.all(texts))
  }
  return { ...args, all: (name) => read.get(name) ?? args.all(name) }
}

async function fileOf(args: Arguments, context: Context): Promise<Record<string, unknown>> {
  const path = args.one('file')
  if (path === undefined) return {}
  const [first] = await documentsFrom([path], context)
  if (first === undefined) return {}
  return isObject(first.value.spec) || first.value.kind !== undefined ? first.value : { spec: first.value }
}

const strip = <V>(record: Record<string, V | null>) =>
  Object.fromEntries(Object.entries(record).filter((entry): entry is [string, V] => entry[1] !== null))

/** The whole wish for a new object; `base`: what it begins with. */
export async function wishFrom(kind: Kind, args: Arguments, context: Context, base = {}): Promise<Wish> {
  const { language } = context.options
  const file = await fileOf(args, context)
  const reading = { language, nowMs: context.world.nowMs() }
  const spec = specFrom(
    { ...base, ...(isObject(file.spec) ? file.spec : {}) },
    await withFiles(args, kind, context),
    fieldFlagsOf(kind),
    reading,
  )
  const labels = {
    ...(isObject(file.labels) ? (file.labels as Record<string, string>) : {}),
    ...labelsFrom(args.all('label'), language),
  }
  const description = args.one('description') ?? file.description
  const isProtected = args.one('protected') ?? file.isProtected
  return {
    spec,
    ...(Object.keys(labels).length > 0 ? { labels: strip(labels) } : {}),
    ...(description === undefined ? {} : { description: String(description) }),
    ...(isProtected === undefined ? {} : { isProtected: String(isProtected) === 'true' }),
  }
}

/** Says what a change would do, in the chosen format. */
export async function sayRehearsal(context: Context, rehearsal: Rehearsal): Promise<number> {
  const { paper } = context
  if (context.options.format !== 'table') await paper.data(rehearsal)
  else for (const line of rehearsalLines(rehearsal, paper)) paper.line(line)
  return 0
}

export function requireSomething(patch: Wish, context: Context): void {
  if (Object.keys(patch).length === 0) throw usage(context.options.language, 'nothing-to-change')
}
