/**
 * The store: revisioned JSON documents and claims, committed several at a time or not at all.
 *
 * Every commit gets one revision, higher than all before. A commit is acknowledged only when it would
 * survive a power cut (I-13). Drivers: memory (simulator, tests), sqlite; etcd obeys the same contract.
 */

import type { Json } from '#base/json.ts'

export type Entry = {
  readonly kind: string
  readonly id: string
  /** Revision of the commit that last put it. */
  readonly revision: number
  readonly value: Json
}

/** `expect: 0` wants it absent, `expect: n` wants its revision to be n; without it anything goes. */
export type Change =
  | {
      readonly op: 'put'
      readonly kind: string
      readonly id: string
      readonly value: Json
      readonly expect?: number
    }
  | { readonly op: 'remove'; readonly kind: string; readonly id: string; readonly expect?: number }
  | { readonly op: 'check'; readonly kind: string; readonly id: string; readonly expect: number }
  /** Takes a claim for a holder. Holding it already is fine; another holder is `store/claimed`. */
  | { readonly op: 'claim'; readonly claim: string; readonly holder: string }
  /** Gives a claim back; not holding it changes nothing. */
  | { readonly op: 'release'; readonly claim: string; readonly holder: string }

/** What one commit changed, in the order of its changes; a removed entry has no value. */
export type Commit = {
  readonly revision: number
  readonly changes: readonly {
    readonly kind: string
    readonly id: string
    readonly value: Json | undefined
  }[]
}

export type StoreHealth = { readonly state: 'ok' | 'full' | 'failing' | 'closed'; readonly why: string }

export interface Store {
  readonly name: string
  get(kind: string, id: string): Promise<Entry | undefined>
  /** Every entry of every kind, or of one, at one revision. */
  snapshot(kind?: string): Promise<{ readonly revision: number; readonly entries: readonly Entry[] }>
  /** Every claim with the given beginning and who holds it. */
  claims(prefix: string): Promise<readonly { readonly claim: string; readonly holder: string }[]>
  /**
   * All or nothing, in order. Problems: `store/conflict` (kind, id) when an `expect` does not hold,
   * `store/claimed` (claim, holder), `store/too-large`, `store/too-many`, `store/full`, `store/failing`,
   * `store/busy`; then nothing changed. A commit without changes has its revision, too.
   */
  commit(changes: readonly Change[]): Promise<{ readonly revision: number }>
  /**
   * Every commit after a revision, once, in order, then those to come (I-17), until the signal aborts
   * (ends without error). Problem `store/compacted` when some are no longer kept.
   */
  watch(afterRevision: number, signal: AbortSignal): AsyncIterable<Commit>
  /** Forgets the history (not the entries) up to and including a revision. */
  compact(throughRevision: number): Promise<void>
  revision(): Promise<number>
  health(): StoreHealth
  close(): Promise<void>
}
