/**
 * Figures kept over time, at falling resolution, for as long as they are worth their room. Nothing here is
 * durable-critical: a crash may cost the last minute, and what cannot be written is lost.
 */

import type { Sample, Subject } from '#model/metrics.ts'

export type Tier = {
  readonly stepMs: number
  readonly keepMs: number
}

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000] as const

/** From fine to coarse; each step is a multiple of the one before and divides an hour. */
export const tiers = [
  { stepMs: 10_000, keepMs: day },
  { stepMs: minute, keepMs: 7 * day },
  { stepMs: 10 * minute, keepMs: 62 * day },
  { stepMs: hour, keepMs: 731 * day },
] as const satisfies readonly [Tier, ...Tier[]]

export type Span = {
  readonly subject: Subject
  readonly fromMs: number
  /** Slots that begin before it. */
  readonly toMs: number
  /** As long a slot at least; longer where only longer ones are kept of that time. */
  readonly stepMs: number
  /** Names of figures; null: all. */
  readonly names: readonly string[] | null
  readonly nowMs: number
}

export type Values = readonly (number | null)[]

/** Columns, one value for each time; null where nothing is known. */
export type History = {
  readonly stepMs: number
  /** Starts of the slots in which something is known, in their order. */
  readonly times: readonly number[]
  readonly series: Readonly<
    Record<string, { readonly mean: Values; readonly least: Values; readonly most: Values }>
  >
}

export type Tending = {
  readonly nowMs: number
  /** Subjects that are still there; others are dropped some time after their last sample. */
  readonly isKnown: readonly Subject[]
  /** Whether age may be judged by `nowMs`: not after the clock jumped. */
  readonly mayForget: boolean
}

export type MetricsSize = {
  readonly bytes: number
  readonly subjects: number
  /** Why figures of before were set aside since this driver object was opened; empty: they were not. */
  readonly setAside: string
}

export interface Metrics {
  readonly name: string
  /**
   * Takes samples. One of a subject and moment that is there already is ignored. Problems `store/full`,
   * `store/failing`: these samples may be lost, and nothing else is.
   */
  write(samples: readonly Sample[]): Promise<void>
  read(span: Span): Promise<History>
  /** Does a part of the work that is due: packs, drops. Says whether some is left. */
  tend(tending: Tending): Promise<{ readonly isDone: boolean }>
  size(): Promise<MetricsSize>
  close(): Promise<void>
}

/**
 * The tier to read: of those that still hold the whole span, the coarsest whose slots are as long as wished or shorter;
 * else the finest that holds it.
 */
export function tierFor({ fromMs, stepMs, nowMs }: Pick<Span, 'fromMs' | 'stepMs' | 'nowMs'>): Tier {
  const holding = tiers.filter(({ keepMs }) => fromMs >= nowMs - keepMs)
  const fine = holding.filter((tier) => tier.stepMs <= stepMs)
  return fine.at(-1) ?? holding[0] ?? tiers[tiers.length - 1] ?? tiers[0]
}
