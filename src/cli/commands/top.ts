/** `decant top`: machines or hosts with what they use now, those that use most first, and what bounds them. */

import type { Figures } from '#model/metrics.ts'
import { top as topOf, type TopItem } from '#client/figures.ts'
import type { Client } from '#client/client.ts'
import { bytesText } from '#base/quantity.ts'
import { noOperands, usage, type Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { nothing } from '../describe.ts'
import { millisecondsText, percentText, rateText } from '../gauges.ts'
import type { Colour } from '../paper.ts'
import { tableLines, type Cell } from '../table.ts'
import { cropped, oneLine, widthOf } from '../width.ts'

const usualSeconds = 5
/** A terminal that does not say how high it is. */
const usualRows = 24
/** Title, head of the table, and the last line, which must not scroll. */
const otherRows = 3

type Wish = {
  readonly query: Record<string, string | number | undefined>
  readonly isHosts: boolean
  readonly everySeconds: number
  readonly isOnce: boolean
}

function numberFrom(args: Arguments, context: Context, { flag, most }: { flag: string; most: number }) {
  const text = args.one(flag)
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= most) return Number(text)
  throw usage(context.options.language, 'flag-read', { flag: `--${flag}`, wanted: `1–${most}`, value: text })
}

function wishFrom(args: Arguments, context: Context): Wish {
  noOperands(args, context.options.language)
  const isHosts = args.has('hosts')
  const everySeconds = numberFrom(args, context, { flag: 'interval', most: 3600 })
  // Somebody watches a terminal; a pipe or a file wants one answer, unless it says otherwise.
  return {
    query: {
      kind: isHosts ? 'host' : 'machine',
      project: isHosts ? undefined : (context.options.project ?? '*'),
      sort: args.one('sort'),
      limit: numberFrom(args, context, { flag: 'limit', most: 500 }),
    },
    isHosts,
    everySeconds: everySeconds ?? usualSeconds,
    isOnce: args.has('once') || (!isScreen(context) && everySeconds === undefined),
  }
}

const sumOf = (figures: Figures, names: RegExp) => {
  const some = Object.entries(figures).filter(([name]) => names.test(name))
  return some.length === 0 ? undefined : some.reduce((sum, [, value]) => sum + value, 0)
}

const both = (figures: Figures, [into, out]: readonly [RegExp, RegExp]) => {
  const [one, two] = [sumOf(figures, into), sumOf(figures, out)]
  return one === undefined && two === undefined ? nothing : `${rateText(one ?? 0)} ${rateText(two ?? 0)}`
}

const orNothing = (value: number | undefined, text: (value: number) => string) =>
  value === undefined ? nothing : text(value)

function memoryText({ memory, memoryUsed, memoryAvailable, resident }: Figures): string {
  const used =
    memoryUsed ??
    (memory !== undefined && memoryAvailable !== undefined ? memory - memoryAvailable : resident)
  const text = (value: number) => bytesText(Math.round(value))
  if (used === undefined) return nothing
  return memory === undefined ? text(used) : `${text(used)} / ${text(memory)}`
}

function worstLatency(figures: Figures): string {
  const all = Object.entries(figures).flatMap(([name, value]) => (name.endsWith('.latency') ? [value] : []))
  return all.length === 0 ? nothing : millisecondsText(Math.max(...all))
}

const disk = [/^(disk|cdrom|store).*\.readBytes$/, /^(disk|cdrom|store).*\.writeBytes$/] as const
const network = [/^(net|nic).*\.receivedBytes$/, /^(net|nic).*\.sentBytes$/] as const

const colours: Readonly<Record<string, Colour>> = {
  cpu: 'yellow',
  memory: 'red',
  disk: 'yellow',
  network: 'yellow',
  neighbours: 'red',
  unknown: 'dim',
  nothing: 'green',
}

function rowOf(item: TopItem, isHosts: boolean, { paper }: Context): Cell[] {
  const { figures, finding } = item
  const bold = (text: string) => paper.paint('bold', text)
  const colour = colours[finding?.resource ?? 'nothing'] ?? 'dim'
  const said = finding === undefined ? '' : oneLine(`${finding.resource}: ${finding.message}`)
  return [
    { text: oneLine(item.name), paint: bold },
    ...(isHosts ? [] : [{ text: oneLine(item.host ?? nothing) }]),
    { text: orNothing(figures['cpu'], percentText) },
    { text: orNothing(figures['steal'], percentText) },
    { text: memoryText(figures) },
    { text: both(figures, disk) },
    { text: worstLatency(figures) },
    { text: both(figures, network) },
    ...(isHosts
      ? [{ text: orNothing(figures['load'], (load) => load.toFixed(2)) }]
      : [{ text: said, paint: (text: string) => paper.paint(colour, text) }]),
  ]
}

function headOf(isHosts: boolean, { paper }: Context): Cell[] {
  const titles = [
    paper.text('name'),
    ...(isHosts ? [] : [paper.text('top-host')]),
    'CPU',
    paper.text('top-steal'),
    paper.text('top-memory'),
    paper.text('top-disk'),
    paper.text('top-latency'),
    paper.text('top-network'),
    isHosts ? paper.text('top-load') : paper.text('top-bound'),
  ]
  return titles.map((text) => ({ text, paint: (text: string) => paper.paint('dim', text) }))
}

const linesOf = (items: readonly TopItem[], isHosts: boolean, context: Context) =>
  tableLines(
    [headOf(isHosts, context), ...items.map((item) => rowOf(item, isHosts, context))],
    context.paper.columns,
  )

/** Says what was answered: as a picture over the last one, as lines of JSON, or as one table after the other. */
function sayOnce({ answer, items }: Awaited<ReturnType<typeof topOf>>, wish: Wish, context: Context) {
  const { paper, world, options } = context
  if (isScreen(context)) world.stdout.write(pictureOf(items, wish, context))
  else if (options.format !== 'table') paper.line(JSON.stringify(answer))
  else for (const line of linesOf(items, wish.isHosts, context)) paper.line(line)
}

const isScreen = ({ world, options }: Context) => world.stdout.isTTY === true && options.format === 'table'

/** Asks again and again, until Ctrl-C; the screen is left as it was. */
async function watched(client: Client, wish: Wish, context: Context): Promise<void> {
  const { stdout, interrupted } = context.world
  if (isScreen(context)) stdout.write('\u001b[?1049h\u001b[?25l')
  try {
    while (!interrupted.aborted) {
      sayOnce(await topOf(client, wish.query, interrupted), wish, context)
      await pause(wish.everySeconds * 1000, interrupted)
    }
  } catch (error) {
    if (!interrupted.aborted) throw error
  } finally {
    if (isScreen(context)) stdout.write('\u001b[?25h\u001b[?1049l')
  }
}

/** A whole screen: from its first place, each line to its end, nothing below. */
function pictureOf(items: readonly TopItem[], wish: Wish, context: Context): string {
  const { paper, world } = context
  const room = Math.max(1, (world.stdout.rows ?? usualRows) - otherRows)
  const facts = {
    shown: Math.min(items.length, room),
    time: new Date(world.nowMs()).toISOString().slice(11, 19),
  }
  const title = paper.paint('dim', paper.text(wish.isHosts ? 'top-hosts' : 'top-machines', facts))
  const width = paper.columns ?? 80
  // A painted line that is too wide would wrap; its last cell was cropped, its colours count for nothing.
  const lines = linesOf(items.slice(0, room), wish.isHosts, context)
  const fitting = lines.map((line) => (isTooWide(line, width) ? cropped(bare(line), width) : line))
  return `\u001b[H${[title, ...fitting].map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`
}

const bare = (line: string) => line.replaceAll(/\u001b\[[\d;]*m/g, '')
const isTooWide = (line: string, width: number) => widthOf(bare(line)) > width

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })

export async function top(args: Arguments, context: Context): Promise<number> {
  const wish = wishFrom(args, context)
  const client = await context.client()
  if (!wish.isOnce) {
    await watched(client, wish, context)
    return 0
  }
  const { answer, items } = await topOf(client, wish.query)
  const { paper } = context
  if (context.options.format !== 'table') await paper.data(answer)
  else if (items.length === 0) paper.note(paper.text('top-empty'))
  else for (const line of linesOf(items, wish.isHosts, context)) paper.line(line)
  return 0
}
