/** `decant machine metrics NAME`, `decant host metrics NAME`: what was measured over a time. */

import { durationText, quantityFrom } from '#base/quantity.ts'
import type { Kind } from '#model/kind.ts'
import { historyOf, type Column, type History } from '#client/figures.ts'
import { onlyOperand, usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { nothing } from '../describe.ts'
import { barsOf, figureText } from '../gauges.ts'
import { tableLines, type Cell } from '../table.ts'
import { oneLine } from '../width.ts'
import type { Action } from './noun.ts'

/** The kinds that are measured. */
export const measured = new Set(['machine', 'host'])

const barColumns = 36
const longestSeconds = 5 * 365 * 86_400

const flags: readonly Flag[] = [
  { name: 'period', value: 'TIME', summary: 'How far back: 30m, 24h, 7d, 365d (1h)' },
  {
    name: 'step',
    value: 'TIME',
    summary: 'One value for so long: 10s, 1m, 1h; longer where only that is kept',
  },
  { name: 'series', value: 'NAME', isRepeatable: true, summary: 'Only these figures: cpu, disk0.latency' },
]

function secondsFrom(args: Arguments, flag: string, context: Context): number | undefined {
  const text = args.one(flag)
  if (text === undefined) return undefined
  const seconds = quantityFrom(text, 'seconds')
  if (seconds !== undefined && seconds >= 10 && seconds <= longestSeconds) return Math.round(seconds)
  throw usage(context.options.language, 'flag-read', { flag: `--${flag}`, wanted: '10s–1825d', value: text })
}

const known = (values: readonly (number | null)[]) => values.filter((value) => value !== null)

function rowOf([name, column]: [string, Column], { paper }: Context): Cell[] {
  const { unit, mean } = column
  const values = known(mean)
  const text = (value: number | undefined) => (value === undefined ? nothing : figureText(value, unit))
  const least = known(column.least ?? mean)
  const most = known(column.most ?? mean)
  return [
    { text: oneLine(name), paint: (text) => paper.paint('bold', text) },
    { text: barsOf(mean, barColumns), paint: (text) => paper.paint('cyan', text) },
    { text: text(values.at(-1)) },
    { text: text(values.reduce((sum, value) => sum + value, 0) / values.length) },
    { text: text(Math.min(...least)) },
    { text: text(Math.max(...most)) },
  ]
}

/** Gaps in time stay gaps in the picture. */
function withGaps({ times, stepMs, series }: History): Record<string, Column> {
  const [first = 0, last = 0] = [times[0], times.at(-1)]
  const count = times.length === 0 ? 0 : Math.round((last - first) / stepMs) + 1
  const places = times.map((time) => Math.round((time - first) / stepMs))
  const spread = (values: readonly (number | null)[] | undefined) => {
    if (values === undefined) return undefined
    const all = Array.from<number | null>({ length: count }).fill(null)
    for (const [at, place] of places.entries()) all[place] = values[at] ?? null
    return all
  }
  const columns = Object.entries(series).map(([name, { unit, mean, least, most }]) => [
    name,
    { unit, mean: spread(mean) ?? [], least: spread(least), most: spread(most) },
  ])
  return Object.fromEntries(columns) as Record<string, Column>
}

async function metrics(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const { paper, options, world } = context
  const name = onlyOperand(args, 'NAME', options.language)
  const seconds = secondsFrom(args, 'period', context) ?? 3600
  const to = world.nowMs()
  const query = {
    project: kind.scope === 'project' ? options.project : undefined,
    from: to - seconds * 1000,
    to,
    step: secondsFrom(args, 'step', context),
    series: args.all('series').join(',') || undefined,
  }
  const { answer, history } = await historyOf(await context.client(), kind, name, query)
  if (options.format !== 'table') {
    await paper.data(answer)
    return 0
  }
  const columns = Object.entries(withGaps(history)).filter(([, { mean }]) => known(mean).length > 0)
  if (columns.length === 0) {
    paper.note(paper.text('metrics-empty', { kind: kind.name, name: oneLine(name) }))
    return 0
  }
  const facts = { time: durationText(seconds), step: durationText(history.stepMs / 1000) }
  const titles = [
    'metrics-figure',
    'metrics-course',
    'metrics-last',
    'metrics-mean',
    'metrics-least',
    'metrics-most',
  ] as const
  const head = titles.map((word) => ({
    text: paper.text(word, facts),
    paint: (text: string) => paper.paint('dim', text),
  }))
  const rows = [head, ...columns.map((column) => rowOf(column, context))]
  for (const line of tableLines(rows, paper.columns)) paper.line(line)
  return 0
}

export const metricsAction = (kind: Kind): Action => ({
  name: 'metrics',
  summary: 'Show what was measured over a time',
  operands: 'NAME',
  flags: () => flags,
  run: (args, context) => metrics(kind, args, context),
})
