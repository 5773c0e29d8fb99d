/** Figures in memory, for the simulator and for tests: every tier is kept as its samples come. */

import { addTo, rollOf, slotOf, type Slots } from '#base/rollup.ts'
import { limits } from '#model/limits.ts'
import type { Sample, Subject } from '#model/metrics.ts'
import { historyOf } from '../../ground/history.ts'
import { tierFor, tiers, type Metrics } from '../port.ts'

type Kept = {
  readonly tiers: readonly Slots[]
  /** Moments of its samples, for those that come twice. */
  readonly moments: Set<number>
  lastMs: number
}

/** What survives the end of a program that uses memory metrics. */
export type MetricsPages = Map<string, Kept>

const keyOf = ({ kind, id }: Subject) => `${kind}/${id}`

export function memoryMetrics(pages: MetricsPages = new Map()): Metrics {
  return {
    name: 'memory',
    write: async (samples) => {
      for (const sample of samples) take(pages, sample)
    },
    read: async (span) => {
      const { stepMs } = tierFor(span)
      const at = tiers.findIndex((tier) => tier.stepMs === stepMs)
      return historyOf(pages.get(keyOf(span.subject))?.tiers[at] ?? new Map(), stepMs, span)
    },
    tend: async ({ nowMs, isKnown, mayForget }) => {
      if (!mayForget) return { isDone: true }
      const known = new Set(isKnown.map(keyOf))
      for (const [key, kept] of pages) {
        if (!known.has(key) && kept.lastMs < nowMs - limits.metricsOfGoneMs) pages.delete(key)
        else forget(kept, nowMs)
      }
      return { isDone: true }
    },
    size: async () => ({ bytes: 0, subjects: pages.size, setAside: '' }),
    close: async () => undefined,
  }
}

function take(pages: MetricsPages, { subject, atMs, overMs, figures }: Sample) {
  const key = keyOf(subject)
  const kept = pages.get(key) ?? { tiers: tiers.map(() => new Map()), moments: new Set<number>(), lastMs: 0 }
  pages.set(key, kept)
  if (kept.moments.has(atMs)) return
  kept.moments.add(atMs)
  kept.lastMs = Math.max(kept.lastMs, atMs)
  for (const [at, { stepMs }] of tiers.entries())
    for (const [name, value] of Object.entries(figures))
      addTo(kept.tiers[at] ?? new Map(), slotOf(atMs, stepMs), name, rollOf(value, overMs))
}

function forget(kept: Kept, nowMs: number) {
  for (const [at, { keepMs, stepMs }] of tiers.entries())
    for (const slotMs of kept.tiers[at]?.keys() ?? [])
      if (slotMs + stepMs < nowMs - keepMs) kept.tiers[at]?.delete(slotMs)
  for (const atMs of kept.moments) if (atMs < nowMs - tiers[0].keepMs) kept.moments.delete(atMs)
}
