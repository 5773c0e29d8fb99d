/** What an agent and the process in which a datastore lives apart say to each other. */

import type { ProblemCode } from '#model/problem.ts'
import type { Facts } from '#model/sentence.ts'

/** A work: its words are plain values, keys included; who may abort it has it aborted by its number. */
export type Ask = {
  readonly say: 'ask'
  readonly id: number
  readonly work: string
  readonly words: readonly unknown[]
}

export type Order = Ask | { readonly say: 'abort'; readonly id: number }

export type Answer =
  | { readonly say: 'done'; readonly id: number; readonly value: unknown }
  | { readonly say: 'problem'; readonly id: number; readonly code: ProblemCode; readonly facts: Facts }
  | { readonly say: 'fault'; readonly id: number; readonly why: string }
  | { readonly say: 'progress'; readonly id: number; readonly fraction: number }

/** Stand for what cannot be sent. */
export const signalWord = { is: 'signal' } as const
export const reportWord = { is: 'report' } as const

export const isWord = (value: unknown, { is }: { readonly is: string }): boolean =>
  typeof value === 'object' && value !== null && (value as { is?: unknown }).is === is
