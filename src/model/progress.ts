/** How far a long work has come, as every kind that takes time tells it. */

import { z } from 'zod'

export const Progress = z.strictObject({
  step: z.string().max(200),
  /** From 0 to 1; null while unknown. */
  fraction: z.number().nullable(),
  etaSeconds: z.number().nullable(),
})
export type Progress = z.output<typeof Progress>
