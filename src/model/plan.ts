/** What every planner returns: the steps to take now, and the reasons for those it withholds. */

import type { Facts } from './sentence.ts'
import type { ReasonCode } from './catalogue/reasons.ts'

/** Why something is not done, or not allowed now. The sentences stand in the catalogue. */
export type Reason = { readonly code: ReasonCode; readonly facts: Facts }

export type Hold = Reason

export type Plan<Step> = {
  readonly steps: readonly Step[]
  readonly holds: readonly Hold[]
  /** Milliseconds after which to look again although nothing has changed. */
  readonly againMs?: number
}

export const settled: Plan<never> = Object.freeze({ steps: [], holds: [] })

export const reason = (code: ReasonCode, facts: Facts = {}): Reason => ({ code, facts })

export const proceed = <Step>(...steps: Step[]): Plan<Step> => ({ steps, holds: [] })

export const wait = (code: ReasonCode, facts: Facts = {}, againMs?: number): Plan<never> => ({
  steps: [],
  holds: [{ code, facts }],
  ...(againMs === undefined ? {} : { againMs }),
})
