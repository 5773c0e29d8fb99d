/** A rule says how strongly one thing bounds a machine now, from 0 to 1, and why; or nothing. */

import type { Figures } from '#model/metrics.ts'
import type { Reason } from '#model/plan.ts'

export const resources = ['cpu', 'memory', 'disk', 'network', 'neighbours', 'nothing', 'unknown'] as const
export type Resource = (typeof resources)[number]

export type Finding = {
  readonly resource: Resource
  /** 1: it would be as much faster as this gives; below one half it is not worth telling. */
  readonly strength: number
  readonly reason: Reason
}

/** A machine as it ran in the last minute. */
export type Situation = {
  readonly name: string
  readonly cpus: number
  readonly figures: Figures
  readonly disks: readonly {
    readonly id: string
    readonly datastore: string
    readonly iops: number | null
    readonly mibPerSecond: number | null
  }[]
  readonly nics: readonly {
    readonly id: string
    readonly mbitIn: number | null
    readonly mbitOut: number | null
  }[]
  /** Its host's figures of the same time; empty: not known. */
  readonly host: { readonly name: string; readonly figures: Figures }
}

export type Rule = (situation: Situation) => Finding | undefined

export const percent = (share: number) => Math.round(share * 100)
export const mib = (bytes: number) => Math.round(bytes / 2 ** 20)
