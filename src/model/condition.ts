/** Lasting facts about an object, each with the time since when it is so. */

import { z } from 'zod'
import { reasonCodes } from './catalogue/reasons.ts'

export const Facts = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))

export const HoldSchema = z.strictObject({ code: z.enum(reasonCodes), facts: Facts })

export const ConditionSchema = z.strictObject({
  type: z.string().max(64),
  status: z.enum(['true', 'false', 'unknown']),
  /** Milliseconds since 1970. */
  sinceMs: z.number(),
  code: z.enum(reasonCodes).optional(),
  facts: Facts.optional(),
})
export type Condition = z.output<typeof ConditionSchema>

/** What every status says besides its own fields. */
export const statusBase = {
  conditions: z.array(ConditionSchema).max(32).default([]),
  holds: z.array(HoldSchema).max(64).default([]),
}

/** The conditions after one is judged anew; `sinceMs` moves only when its status changes. */
export function judged(
  conditions: readonly Condition[],
  verdict: Omit<Condition, 'sinceMs'>,
  nowMs: number,
): Condition[] {
  const before = conditions.find(({ type }) => type === verdict.type)
  const sinceMs = before !== undefined && before.status === verdict.status ? before.sinceMs : nowMs
  const others = conditions.filter(({ type }) => type !== verdict.type)
  return [...others, { ...verdict, sinceMs }].toSorted((a, b) => (a.type < b.type ? -1 : 1))
}
