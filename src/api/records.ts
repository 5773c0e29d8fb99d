/** Audit records (I-41): of what was done, in the same commit; of what was refused, straight to the ledger. */

import { differences, type Json } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import { limits } from '#model/limits.ts'
import { concealed } from '#model/secrecy.ts'
import { kindNamed } from '#kinds/registry.ts'
import type { AuditRecord } from '#drivers/ledger/port.ts'
import type { Change } from '#drivers/store/port.ts'
import type { Desk } from '#program/desk.ts'
import type { Caller } from './route.ts'

const longestDetail = 4096
const mostRefusals = 10_000

export type Subject = { readonly kind: string; readonly project: string | null; readonly name: string }

type Word = {
  readonly action: string
  readonly subject: Subject
  readonly outcome: AuditRecord['outcome']
  readonly code?: string
  readonly detail?: string
}

export function recordOf(desk: Desk, caller: Caller, word: Word): AuditRecord {
  const { principal, requestId, from } = caller
  return {
    id: desk.newId(),
    atMs: desk.clock.now(),
    user: principal.user,
    via: principal.via,
    credential: principal.credential,
    action: word.action,
    ...word.subject,
    outcome: word.outcome,
    code: word.code ?? '',
    requestId,
    from,
    detail: (word.detail ?? '').slice(0, longestDetail),
  }
}

/** Puts a record where the program finds it on its way to the ledger. */
export const outboxed = (record: AuditRecord): Change => ({
  op: 'put',
  kind: 'outbox',
  id: record.id,
  value: { ...record } satisfies Json,
})

/** Which fields of the wish changed, from what to what. */
export function changesText(before: Document | undefined, after: Document | null): string {
  if (after === null || before === undefined) return JSON.stringify(shownWish(after ?? before))
  return JSON.stringify(changesBetween(before, after))
}

/** The fields in which two wishes differ, with marks for secrets; nothing stands for what is not there. */
export const changesBetween = (before: Document | undefined, after: Document | undefined) =>
  differences(shownWish(before), shownWish(after, before))

const shownWish = (document: Document | undefined, former?: Document) =>
  document === undefined
    ? {}
    : {
        spec: concealed(kindNamed(document.kind)?.secrets, document.spec, former?.spec),
        labels: document.labels,
        description: document.description,
        isProtected: document.isProtected,
      }

const minuteMs = 60_000

/**
 * Refusals of callers who proved nothing: so many a minute have a record each, the rest are counted, and told
 * as one when the minute is over. Whoever can reach the port must not be able to fill the disk.
 */
class Strangers {
  #minute = 0
  #seen = 0

  /** The records to write instead of this one. */
  admit(record: AuditRecord): AuditRecord[] {
    const minute = Math.floor(record.atMs / minuteMs)
    const unsaid = minute === this.#minute ? 0 : this.#seen - limits.strangerRecordsPerMinute
    if (minute !== this.#minute) this.#seen = 0
    this.#minute = minute
    this.#seen++
    const told = this.#seen <= limits.strangerRecordsPerMinute ? [record] : []
    return unsaid > 0
      ? [
          { ...record, id: `${record.id}-unsaid`, detail: `${unsaid} more refusals in a minute before` },
          ...told,
        ]
      : told
  }
}

/** Writes refusals to the ledger in batches; each caller waits for the batch that holds theirs. */
export class Refusals {
  readonly #desk: Desk
  readonly #log: (line: string) => void
  readonly #strangers = new Strangers()
  #waiting: AuditRecord[] = []
  #next: Promise<void> | undefined

  constructor(desk: Desk, log: (line: string) => void) {
    this.#desk = desk
    this.#log = log
  }

  async write(record: AuditRecord): Promise<void> {
    if (this.#waiting.length >= mostRefusals)
      return this.#log('audit: too many refusals at once, one is not recorded')
    const records = record.credential === '' ? this.#strangers.admit(record) : [record]
    if (records.length === 0) return
    this.#waiting.push(...records)
    this.#next ??= this.#flush()
    await this.#next
  }

  async #flush() {
    await Promise.resolve()
    const records = this.#waiting
    this.#waiting = []
    this.#next = undefined
    try {
      await this.#desk.ledger.audit(records)
    } catch {
      this.#log(`audit: the ledger refused ${records.length} records of refusals`)
    }
  }
}
