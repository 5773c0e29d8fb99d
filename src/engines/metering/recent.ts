/** What is remembered of a subject's last minute: the newest figures, their mean, and what counts up. */

import { figureNamed, type Figures, type MeasuredKind } from '#model/metrics.ts'
import { limits } from '#model/limits.ts'

export type Recent = {
  readonly newest: Figures
  /** Over the last minute or so: the mean of its samples at first, then older ones fade. */
  readonly mean: Figures
  readonly weightMs: number
  /** Sums of what is counted by the second, since its first sample; for Prometheus. */
  readonly totals: Figures
  readonly sampledAtMs: number
}

const windowMs = 60_000

export type Fresh = { readonly figures: Figures; readonly overMs: number; readonly atMs: number }

export function recentAfter(
  before: Recent | undefined,
  kind: MeasuredKind,
  { figures, overMs, atMs }: Fresh,
): Recent {
  const weightMs = Math.min(windowMs, (before?.weightMs ?? 0) + overMs)
  const share = weightMs > 0 ? Math.min(1, overMs / weightMs) : 1
  const mean: Record<string, number> = {}
  const totals: Record<string, number> = { ...before?.totals }
  for (const [name, value] of Object.entries(figures)) {
    const then = before?.mean[name] ?? value
    mean[name] = then + (value - then) * share
    if (figureNamed(kind, name)?.metric.endsWith('_total') === true)
      totals[name] = (totals[name] ?? 0) + (value * overMs) / 1000
  }
  return { newest: figures, mean, weightMs, totals: bounded(totals), sampledAtMs: atMs }
}

/** Parts come and go; those of a subject are bounded all the same. */
function bounded(totals: Record<string, number>): Figures {
  const names = Object.keys(totals)
  for (const name of names.slice(0, Math.max(0, names.length - limits.figuresPerSample))) delete totals[name]
  return totals
}

/** The figures of a sample as an agent said them: those that we know and that are numbers of this world. */
export function figuresFrom(kind: MeasuredKind, said: unknown): Figures {
  const figures: Record<string, number> = {}
  if (typeof said !== 'object' || said === null) return figures
  for (const [name, value] of Object.entries(said).slice(0, limits.figuresPerSample)) {
    if (typeof value !== 'number' || !(value >= 0 && value < largest)) continue
    if (figureNamed(kind, name) !== undefined) figures[name] = value
  }
  return figures
}

/** An exabyte a second is more than anything does. */
const largest = 2 ** 60
