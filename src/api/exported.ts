/**
 * What was measured, in Prometheus' text format 0.0.4: counters summed up from the samples, and levels. Whoever asks
 * gets what they may see; names of labels are ours, their values come from names and parts that are bounded.
 */

import { limits } from '#model/limits.ts'
import { figureNamed, measuredKinds, type Known, type MeasuredKind } from '#model/metrics.ts'
import type { Document } from '#model/document.ts'
import type { Principal } from '#model/access.ts'
import { present } from '#base/assert.ts'
import { kindNamed } from '#kinds/registry.ts'
import type { Room } from './api.ts'
import { sightOf } from './visibility.ts'

/** Lines of one metric, its head first: the format wants them together. */
type Families = Map<string, { readonly head: readonly string[]; readonly lines: string[] }>

/** A label's value may hold backslash, quote and line break only escaped. */
export const quoted = (text: string) =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

/** A counter in the pool: its own name would be taken for a gauge otherwise. */
const typeOf = (metric: string) => (metric.endsWith('_total') ? 'counter' : 'gauge')

export function exportedLines(room: Room, principal: Principal): string[] {
  const families: Families = new Map()
  const leftOut = measuredKinds.map((kind) => addKind(families, room, { principal, kind }))
  const lost = room.desk.figures.health().lost
  return [
    ...[...families.values()].flatMap(({ head, lines }) => [...head, ...lines]),
    '# HELP decant_figures_left_out Machines and hosts that are not on this page, for there are too many',
    '# TYPE decant_figures_left_out gauge',
    `decant_figures_left_out ${leftOut.reduce((sum, count) => sum + count, 0)}`,
    '# HELP decant_samples_lost_total Samples that could not be kept',
    '# TYPE decant_samples_lost_total counter',
    `decant_samples_lost_total ${lost}`,
  ]
}

/** Adds what is seen of a kind; says how many were too many. */
function addKind(
  families: Families,
  room: Room,
  { principal, kind }: { principal: Principal; kind: MeasuredKind },
) {
  const { desk, kinds } = room
  const isSeen = sightOf(principal, present(kindNamed(kind), 'a kind that is measured'), kinds)
  let [told, leftOut] = [0, 0]
  for (const { document } of desk.replica.all(kind)) {
    const recent = desk.figures.recent(kind, document.id)
    if (recent === undefined || !isSeen(document)) continue
    if (++told > limits.exportedMachines) leftOut++
    else
      addOne(families, {
        kind,
        document,
        levels: recent.newest,
        totals: desk.figures.totals(kind, document.id),
      })
  }
  return leftOut
}

type One = {
  readonly kind: MeasuredKind
  readonly document: Document
  readonly levels: Readonly<Record<string, number>>
  readonly totals: Readonly<Record<string, number>>
}

function addOne(families: Families, { kind, document, levels, totals }: One) {
  const own =
    kind === 'machine'
      ? `project="${quoted(document.project ?? '')}",machine="${quoted(document.name)}"`
      : `host="${quoted(document.name)}"`
  for (const [name, level] of Object.entries(levels)) {
    const known = figureNamed(kind, name)
    if (known === undefined) continue
    const value = typeOf(known.metric) === 'counter' ? totals[name] : level
    if (value === undefined) continue
    const part = known.part === null ? '' : `,${known.part}="${quoted(known.partName)}"`
    familyOf(families, kind, known).lines.push(
      `${metricOf(kind, known)}{${own}${part}} ${Number(value.toPrecision(12))}`,
    )
  }
}

const metricOf = (kind: MeasuredKind, { part, metric }: Known) =>
  `decant_${kind}_${part === null ? '' : `${part}_`}${metric}`

function familyOf(families: Families, kind: MeasuredKind, known: Known) {
  const metric = metricOf(kind, known)
  const there = families.get(metric)
  if (there !== undefined) return there
  const head = [`# HELP ${metric} ${known.help}`, `# TYPE ${metric} ${typeOf(metric)}`]
  const made = { head, lines: [] as string[] }
  families.set(metric, made)
  return made
}
