/** `decant KIND list` */

import { at } from '#base/json.ts'
import type { Column, Kind } from '#model/kind.ts'
import type { Thing } from '#client/client.ts'
import { noOperands, usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { stateColour, unitOf, valueText } from '../describe.ts'
import { tableLines, type Cell } from '../table.ts'
import { oneLine } from '../width.ts'
import type { Action } from './noun.ts'

const flags: readonly Flag[] = [
  { name: 'label', value: 'KEY=VALUE', isRepeatable: true, summary: 'Only those with the label' },
  {
    name: 'where',
    value: 'PATH=VALUE',
    isRepeatable: true,
    summary: 'Only those with the value: status.state=running',
  },
  { name: 'search', value: 'TEXT', summary: 'Only those with the text in name or description' },
  { name: 'sort', value: 'PATH,…', summary: 'Order, such as -createdAtMs,name' },
  { name: 'limit', value: 'N', summary: 'At most so many' },
]

function fieldsFrom(args: Arguments, context: Context): Record<string, string> {
  return Object.fromEntries(
    args.all('where').map((text) => {
      const equals = text.indexOf('=')
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)]
      throw usage(context.options.language, 'flag-read', {
        flag: '--where',
        wanted: 'PATH=VALUE',
        value: text,
      })
    }),
  )
}

function limitFrom(args: Arguments, context: Context): { limit?: number } {
  const text = args.one('limit')
  if (text === undefined) return {}
  if (/^[1-9]\d{0,8}$/.test(text)) return { limit: Number(text) }
  throw usage(context.options.language, 'flag-read', {
    flag: '--limit',
    wanted: 'a whole number',
    value: text,
  })
}

function cellOf(thing: Thing, { path, as }: Column, context: Context): Cell {
  const { paper, world } = context
  const text = valueText(at(thing, path), as ?? unitOf(path), paper, world.nowMs())
  const colour = /\.(state|phase)$/.test(path) ? stateColour(text) : undefined
  return colour === undefined ? { text } : { text, paint: (text) => paper.paint(colour, text) }
}

/** Rows of the default table, the head first; the project is shown once there are several. */
export function thingRows(
  kind: Kind,
  things: readonly Thing[],
  context: Context,
  labels?: readonly string[],
): Cell[][] {
  const { paper, options } = context
  const hasProjects = new Set(things.map(({ project }) => project)).size > 1
  const head = (text: string): Cell => ({ text, paint: (text) => paper.paint('dim', text) })
  const titles = [
    paper.text('name'),
    ...(hasProjects ? [paper.text('project')] : []),
    ...kind.columns.map(({ title }) => title[options.language]),
  ]
  const rows = things.map((thing, at) => [
    { text: labels?.[at] ?? oneLine(thing.name), paint: (text: string) => paper.paint('bold', text) },
    ...(hasProjects ? [{ text: oneLine(thing.project ?? '') }] : []),
    ...kind.columns.map((column) => cellOf(thing, column, context)),
  ])
  return [titles.map(head), ...rows]
}

function sayEmpty(kind: Kind, context: Context) {
  const { paper } = context
  const isOurs = kind.access.write === 'system' || kind.name === 'host'
  const facts = { plural: kind.plural, command: `decant ${kind.name} create NAME` }
  paper.note(paper.text(isOurs ? 'list-empty-plain' : 'list-empty', facts))
}

/** Snapshots stand as a tree, unless another order is asked for. */
async function rowsOf(kind: Kind, things: readonly Thing[], args: Arguments, context: Context) {
  if (kind.name !== 'snapshot' || args.one('sort') !== undefined) return thingRows(kind, things, context)
  const { asTree, standingOn } = await import('./snapshot-tree.ts')
  const tree = asTree(things, await standingOn(things, context))
  const labels = tree.map(({ label }) => label)
  return thingRows(
    kind,
    tree.map(({ thing }) => thing),
    context,
    labels,
  )
}

async function list(kind: Kind, args: Arguments, context: Context): Promise<number> {
  noOperands(args, context.options.language)
  const client = await context.client()
  const things = await client.list(kind, {
    project: context.options.project,
    labels: args.all('label'),
    fields: fieldsFrom(args, context),
    search: args.one('search'),
    sort: args.one('sort'),
    ...limitFrom(args, context),
  })
  const { paper } = context
  if (context.options.format !== 'table') await paper.data(things)
  else if (things.length === 0) sayEmpty(kind, context)
  else
    for (const line of tableLines(await rowsOf(kind, things, args, context), paper.columns)) paper.line(line)
  return 0
}

export const listAction = (kind: Kind): Action => ({
  name: 'list',
  summary: `List ${kind.plural}`,
  operands: '',
  flags: () => flags,
  run: (args, context) => list(kind, args, context),
})
