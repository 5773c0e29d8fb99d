/**
 * The ledger on SQLite, in a file of its own: what happened is not a document and must not wait for one. A
 * thread (`worker.ts`) does all disk work.
 */

import { Problem } from '#model/problem.ts'
import { Thread } from '../../ground/thread.ts'
import type { AuditRecord, ChainedRecord, Ledger, LedgerEvent, Page } from '../port.ts'
import { startOfChain, type Place } from './tables.ts'
import type { LedgerAsks } from './worker.ts'

/**
 * Opens the ledger `ledger.db` in a folder, creating both. Problems: `store/locked`, `store/unsafe`,
 * `store/newer`, `store/corrupt`, `store/full`, `store/failing`; the last two also from every call.
 */
export async function openSqliteLedger({ folder }: { readonly folder: string }): Promise<Ledger> {
  const thread = new Thread<LedgerAsks>(new URL('./worker.ts', import.meta.url), 'ledger')
  try {
    await thread.ask('open', { folder })
    return new SqliteLedger(thread)
  } catch (error) {
    await thread.end()
    throw error
  }
}

class SqliteLedger implements Ledger {
  readonly name = 'sqlite'
  readonly #thread: Thread<LedgerAsks>
  #closed: Promise<void> | undefined

  constructor(thread: Thread<LedgerAsks>) {
    this.#thread = thread
  }

  async audit(records: readonly AuditRecord[]): Promise<void> {
    this.#mustBeOpen()
    if (records.length > 0) await this.#thread.ask('audit', records)
  }

  async event(events: readonly LedgerEvent[]): Promise<void> {
    this.#mustBeOpen()
    if (events.length > 0) await this.#thread.ask('event', events)
  }

  async audits(page: Page): Promise<readonly ChainedRecord[]> {
    this.#mustBeOpen()
    const rows = await this.#thread.ask('audits', page)
    return rows.map(({ sequence, hash, text }) => ({ ...(JSON.parse(text) as AuditRecord), sequence, hash }))
  }

  async events(page: Page) {
    this.#mustBeOpen()
    const rows = await this.#thread.ask('events', page)
    return rows.map(({ sequence, text }) => ({ ...(JSON.parse(text) as LedgerEvent), sequence }))
  }

  async verify() {
    this.#mustBeOpen()
    let from: Place = startOfChain
    for (;;) {
      const walk = await this.#thread.ask('walk', from)
      if (walk.ended || walk.brokenAt !== null)
        return { records: await this.#thread.ask('count', undefined), brokenAt: walk.brokenAt }
      from = walk
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close() {
    try {
      await this.#thread.ask('close', undefined)
    } finally {
      await this.#thread.end()
    }
  }

  #mustBeOpen() {
    if (this.#closed !== undefined) throw new Problem('store/failing', { why: 'the ledger is closed' })
  }
}
