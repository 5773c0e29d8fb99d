/** What is sent into a guest through the agent inside it: a command, or one end of a copy. */

import { z } from 'zod'
import { limits } from './limits.ts'

const text = z
  .string()
  .max(limits.errandChars)
  .refine((value) => !value.includes('\0'), 'holds a zero byte')

/** Absolute, as the guest's system writes it; Windows' too. */
export const insidePath = z
  .string()
  .max(1024)
  .regex(/^(\/|[A-Za-z]:[\\/])[^\0]*$/)

export const Errand = z.discriminatedUnion('act', [
  z.object({
    act: z.literal('run'),
    /** Program and arguments; no shell. */
    argv: z.array(text).min(1).max(limits.errandWords),
    /** `NAME=value`; absent: the agent's own. */
    environment: z.array(text).max(limits.errandWords).optional(),
    timeoutSeconds: z.int().min(1).max(limits.errandSeconds),
  }),
  z.object({ act: z.literal('read'), path: insidePath }),
  z.object({ act: z.literal('write'), path: insidePath }),
])
export type Errand = z.output<typeof Errand>

/** What a command came to; so many bytes of output, then of errors, follow it. */
export const Ran = z.object({
  ok: z.literal(true),
  exitCode: z.int().nullable(),
  signal: z.int().nullable(),
  isTruncated: z.boolean(),
  outputBytes: z.int().min(0).max(limits.agentOutputBytes),
  errorsBytes: z.int().min(0).max(limits.agentOutputBytes),
})
export type Ran = z.output<typeof Ran>
