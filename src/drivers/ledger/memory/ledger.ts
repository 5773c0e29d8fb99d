/** A ledger in memory, for the simulator and for tests. */

import { canonical } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import { firstLink, linkAfter, walked } from '../../ground/chain.ts'
import type { AuditRecord, ChainedRecord, Ledger, LedgerEvent, Page } from '../port.ts'

type Placed = {
  readonly sequence: number
  readonly kind: string
  readonly project: string | null
  readonly name: string
}
type KeptEvent = LedgerEvent & { readonly sequence: number }

/** What survives the crash of a program that uses a memory ledger. */
export type LedgerPages = {
  audits: ChainedRecord[]
  events: KeptEvent[]
  head: { sequence: number; hash: string }
  lastEvent: number
}

export const ledgerPages = (): LedgerPages => ({
  audits: [],
  events: [],
  head: { sequence: 0, hash: firstLink },
  lastEvent: 0,
})

/** Audit records are kept for as long as the pages are; use it for runs that end. */
export const memoryLedger = (pages: LedgerPages = ledgerPages()): Ledger => {
  const auditIds = new Set(pages.audits.map(({ id }) => id))
  const eventIds = new Set(pages.events.map(({ id }) => id))

  const append = (record: AuditRecord) => {
    if (auditIds.has(record.id)) return
    auditIds.add(record.id)
    const { sequence, hash } = pages.head
    pages.head = { sequence: sequence + 1, hash: linkAfter(hash, canonical(record)) }
    pages.audits.push(Object.freeze({ ...record, ...pages.head }))
  }

  const keep = (event: LedgerEvent) => {
    if (eventIds.has(event.id)) return
    eventIds.add(event.id)
    pages.lastEvent += 1
    pages.events.push(Object.freeze({ ...event, sequence: pages.lastEvent }))
  }

  return {
    name: 'memory',
    async audit(records) {
      for (const record of records) append(record)
    },
    async event(events) {
      for (const event of events) keep(event)
      for (const { id } of pages.events.splice(0, pages.events.length - limits.eventsKept))
        eventIds.delete(id)
    },
    audits: async (page) => pageOf(pages.audits, page),
    events: async (page) => pageOf(pages.events, page),
    verify: async () => {
      const { hash, sequence, brokenAt } = walked({ sequence: 0, hash: firstLink }, pages.audits.map(linkOf))
      const isEnd = hash === pages.head.hash && sequence === pages.head.sequence
      return { records: pages.audits.length, brokenAt: brokenAt ?? (isEnd ? null : sequence + 1) }
    },
    close: async () => undefined,
  }
}

function linkOf({ sequence, hash, ...record }: ChainedRecord) {
  return { sequence, hash, text: canonical(record) }
}

const pageOf = <T extends Placed>(all: readonly T[], page: Page): readonly T[] =>
  all
    .filter((one) => isOn(one, page))
    .slice(-Math.min(page.limit, limits.pageItems))
    .toReversed()

const isOn = (one: Placed, { before, project, kind, name }: Page) =>
  (before === undefined || one.sequence < before) &&
  (project === undefined || one.project === project) &&
  (kind === undefined || one.kind === kind) &&
  (name === undefined || one.name === name)
