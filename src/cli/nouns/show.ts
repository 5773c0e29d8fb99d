/** `decant KIND show NAME` */

import { isObject, type JsonObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import { holdsFrom, type Thing } from '#client/answers.ts'
import type { Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { holdText, nothing, stateColour, titleOf, unitOf, valueText } from '../describe.ts'
import { schemaOf } from '../schema.ts'
import { sheetLines, type Entry } from '../table.ts'
import { oneLine } from '../width.ts'
import { machineWish } from './machine-sheet.ts'
import { forEach, giveBack, namesOf, type Action } from './noun.ts'
import { portraits } from './portraits.ts'
import { pictured, topologyFrom, topologyLines } from './topology.ts'

const unseen = new Set(['state', 'phase', 'conditions', 'holds', 'live'])

const shown = (entry: Entry) => entry[1] !== nothing

function headEntries(kind: Kind, thing: Thing, context: Context): Entry[] {
  const { paper, world } = context
  const text = (value: unknown, field = '') => valueText(value, unitOf(field), paper, world.nowMs())
  const labels = Object.entries(thing.labels ?? {}).map(([key, value]) => oneLine(`${key}=${value}`))
  const entries: Entry[] = [
    [paper.text('project'), kind.scope === 'project' ? text(thing.project) : nothing],
    [paper.text('description'), text(thing.description)],
    [paper.text('labels'), labels.join(', ') || nothing],
    [paper.text('protected'), thing.isProtected === true ? paper.text('yes') : nothing],
    [paper.text('created_at'), text(thing.createdAtMs, 'createdAtMs')],
    [paper.text('generation'), text(thing.generation)],
  ]
  return entries.filter(shown)
}

/** Each of several objects on a line of its own. */
function linesOf(name: string, value: unknown, { paper, world }: Context): string {
  const text = (item: unknown) => valueText(item, unitOf(name), paper, world.nowMs())
  return Array.isArray(value) && value.some(isObject) ? value.map(text).join('\n') || nothing : text(value)
}

/** Wishes that are too long to be read whole. */
const gists: Readonly<Record<string, typeof machineWish>> = { machine: machineWish }

function wishEntries(kind: Kind, thing: Thing, context: Context): Entry[] {
  const fields = schemaOf(kind.spec).properties ?? {}
  return Object.entries(thing.spec)
    .map(([name, value]): Entry => {
      const title = Object.hasOwn(fields, name) ? fields[name]?.title : undefined
      return [title ?? titleOf(oneLine(name)), linesOf(name, value, context)]
    })
    .filter(shown)
}

function statusEntries(thing: Thing, context: Context): Entry[] {
  return Object.entries(isObject(thing.status) ? thing.status : {})
    .filter(([name]) => !unseen.has(name))
    .map(([name, value]): Entry => [titleOf(oneLine(name)), linesOf(name, value, context)])
    .filter(shown)
}

/** Holds, and the conditions that do not hold, as sentences. */
function whyLines(thing: Thing, context: Context): string[] {
  const { language } = context.options
  const holds = holdsFrom(thing.status.holds).map((hold) => holdText(hold, language))
  const conditions = holdsFrom(thing.status.conditions).map((condition) => holdText(condition, language))
  return [...new Set([...holds, ...conditions])]
}

const wishLines = (kind: Kind, thing: Thing, context: Context, isWhole: boolean): string[] => {
  const gist = isWhole ? undefined : gists[kind.name]
  if (gist === undefined) return sheetLines(wishEntries(kind, thing, context), '  ')
  const lines = sheetLines(gist(thing, schemaOf(kind.spec), context), '  ')
  return [...lines, `  ${context.paper.paint('dim', context.paper.text('all-fields'))}`]
}

/** The sheet of one object. */
export function sheetOf(kind: Kind, thing: Thing, context: Context, isWhole = false): string[] {
  const { paper } = context
  const state = oneLine(String(thing.status.state ?? thing.status.phase ?? ''))
  const colour = stateColour(state)
  const painted = colour === undefined ? state : paper.paint(colour, state)
  const going = thing.deletingAtMs === null ? '' : ` · ${paper.text('deletingNow')}`
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', paper.paint('dim', title), ...lines]
  const portrait = portraits[kind.name]
  const now = portrait === undefined ? statusEntries(thing, context) : portrait(thing, context)
  return [
    `${paper.paint('bold', oneLine(thing.name))}  ${kind.title[paper.language]}  ${painted}${going}`.trimEnd(),
    ...section(
      paper.text('holds'),
      whyLines(thing, context).map((line) => `  ${line}`),
    ),
    ...section(paper.text('status'), sheetLines(now, '  ')),
    ...section(
      paper.text('topology'),
      'topology' in thing && isObject(thing.topology)
        ? topologyLines(thing.topology as JsonObject, context)
        : [],
    ),
    ...section(paper.text('wish'), wishLines(kind, thing, context, isWhole)),
    '',
    ...sheetLines(headEntries(kind, thing, context)),
  ]
}

async function show(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const names = namesOf(args, context)
  const client = await context.client()
  const { paper, options } = context
  const things = await forEach(names, async (name) => {
    const thing = await client.get(kind, name, options.project)
    if (!pictured.has(kind.name)) return thing
    return { ...thing, topology: await topologyFrom(client, kind, name, options.project) }
  })
  await giveBack(context, things, names.length > 1)
  if (options.format !== 'table') return 0
  for (const [at, thing] of things.entries()) {
    for (const line of [...(at > 0 ? [''] : []), ...sheetOf(kind, thing, context, args.has('all'))])
      paper.line(line)
  }
  return 0
}

const allFlag: Flag = { name: 'all', summary: 'Every field of the wish, also those that are as usual' }

export const showAction = (kind: Kind): Action => ({
  name: 'show',
  summary: 'Show everything about it, and why it is not doing more',
  operands: 'NAME…',
  flags: () => (Object.hasOwn(gists, kind.name) ? [allFlag] : []),
  run: (args, context) => show(kind, args, context),
})
