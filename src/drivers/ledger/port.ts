/**
 * The ledger: what happened, kept in order, never edited. Audit records are chained by hash so that a
 * change or a gap shows (I-41); events are for people and are bounded in number.
 */

import type { Facts } from '#model/sentence.ts'

export type AuditRecord = {
  /** Given by the writer; the same id twice is one record. */
  readonly id: string
  readonly atMs: number
  readonly user: string
  readonly via: string
  readonly credential: string
  readonly action: string
  readonly kind: string
  readonly project: string | null
  readonly name: string
  readonly outcome: 'done' | 'refused'
  readonly code: string
  readonly requestId: string
  readonly from: string
  /** What changed: field paths with before and after, secrets left out. */
  readonly detail: string
}

export type ChainedRecord = AuditRecord & {
  readonly sequence: number
  /** SHA-256 over the previous hash and the canonical JSON of the record, in hex. */
  readonly hash: string
}

export type LedgerEvent = {
  readonly id: string
  readonly atMs: number
  /** Lower-case dotted type, such as `machine.started`. */
  readonly type: string
  readonly kind: string
  readonly project: string | null
  readonly name: string
  readonly objectId: string
  readonly facts: Facts
  /** The sentence, in English; consoles translate by type where they can. */
  readonly text: string
}

export type Page = {
  readonly before?: number
  readonly limit: number
  readonly project?: string
  readonly kind?: string
  readonly name?: string
}

export interface Ledger {
  readonly name: string
  /** Appends records; durable when it resolves. Ids already there are skipped. */
  audit(records: readonly AuditRecord[]): Promise<void>
  event(events: readonly LedgerEvent[]): Promise<void>
  /** Newest first; `before` is a sequence. */
  audits(page: Page): Promise<readonly ChainedRecord[]>
  events(page: Page): Promise<readonly (LedgerEvent & { readonly sequence: number })[]>
  /** Walks the whole chain; says the first sequence that does not fit, if any. */
  verify(): Promise<{ readonly records: number; readonly brokenAt: number | null }>
  close(): Promise<void>
}
