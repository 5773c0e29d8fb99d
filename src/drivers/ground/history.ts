/** Slots as the columns that metrics drivers answer with. */

import { coarser, type Roll, type Slots } from '#base/rollup.ts'
import type { History, Span } from '../metrics/port.ts'

/** `slots` are of the tier's step; longer ones are made where they were wished. */
export function historyOf(slots: Slots, tierStepMs: number, span: Span): History {
  const stepMs = Math.max(tierStepMs, Math.ceil(span.stepMs / tierStepMs) * tierStepMs)
  const made = stepMs === tierStepMs ? slots : coarser(slots, stepMs)
  const first = Math.floor(span.fromMs / stepMs) * stepMs
  const times = [...made.keys()].filter((at) => at >= first && at < span.toMs).toSorted((a, b) => a - b)
  const names = new Set(times.flatMap((at) => [...(made.get(at)?.keys() ?? [])]))
  const wanted = span.names === null ? names : new Set(span.names.filter((name) => names.has(name)))
  const column = (name: string, of: (roll: Roll) => number) =>
    times.map((at) => {
      const roll = made.get(at)?.get(name)
      return roll === undefined ? null : of(roll)
    })
  const series = [...wanted].map((name) => [
    name,
    {
      mean: column(name, ({ mean }) => mean),
      least: column(name, ({ least }) => least),
      most: column(name, ({ most }) => most),
    },
  ])
  return { stepMs, times, series: Object.fromEntries(series) }
}
