/** The ledger's tables: the SQL, all of it synchronous, for the one thread that writes. */

import type { DatabaseSync } from 'node:sqlite'
import { canonical } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import { firstLink, linkAfter, walked, type Link } from '../../ground/chain.ts'
import { inTransaction } from '../../ground/sqlite.ts'
import type { AuditRecord, LedgerEvent, Page } from '../port.ts'

export type TextRow = { readonly sequence: number; readonly hash: string; readonly text: string }
export type Place = { readonly sequence: number; readonly hash: string }
export type Walk = Place & { readonly brokenAt: number | null; readonly ended: boolean }

/** Records verified in one go, so that new ones need not wait for a long chain. */
const walkRecords = 2_000

export const startOfChain: Place = { sequence: 0, hash: firstLink }

export class Tables {
  readonly #db: DatabaseSync
  readonly #sql: ReturnType<typeof statements>

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#sql = statements(db)
  }

  audit(records: readonly AuditRecord[]) {
    inTransaction(this.#db, () => {
      let { sequence, hash } = this.#sql.head.get() as Place
      for (const record of records) {
        if (this.#sql.hasAudit.get(record.id) !== undefined) continue
        const text = canonical(record)
        sequence += 1
        hash = linkAfter(hash, text)
        this.#sql.addAudit.run(sequence, record.id, hash, text)
      }
      this.#sql.setHead.run(sequence, hash)
    })
  }

  event(events: readonly LedgerEvent[]) {
    inTransaction(this.#db, () => {
      for (const event of events) this.#sql.addEvent.run(event.id, canonical(event))
      this.#sql.pruneEvents.run(limits.eventsKept)
    })
  }

  read(table: 'audit' | 'event', page: Page): readonly TextRow[] {
    const places = (['project', 'kind', 'name'] as const).filter((place) => page[place] !== undefined)
    const wanted = ['sequence < ?', ...places.map((place) => `${place} = ?`)].join(' AND ')
    const hash = table === 'audit' ? 'hash' : "'' AS hash"
    const sql = `SELECT sequence, ${hash}, text FROM ${table} WHERE ${wanted} ORDER BY sequence DESC LIMIT ?`
    const values = places.map((place) => String(page[place]))
    const limit = Math.min(page.limit, limits.pageItems)
    return this.#db.prepare(sql).all(page.before ?? Number.MAX_SAFE_INTEGER, ...values, limit) as TextRow[]
  }

  /** Verifies some of the chain after a place; at its end also that the end is where it should be. */
  walk(from: Place): Walk {
    const links = this.#sql.links.all(from.sequence, walkRecords) as Link[]
    const walk = walked(from, links)
    if (walk.brokenAt !== null || links.length === walkRecords) return { ...walk, ended: false }
    const head = this.#sql.head.get() as Place
    const isEnd = head.sequence === walk.sequence && head.hash === walk.hash
    return { ...walk, brokenAt: isEnd ? null : walk.sequence + 1, ended: true }
  }

  count(): number {
    return Number(this.#sql.count.get()?.['records'])
  }
}

const statements = (db: DatabaseSync) => ({
  head: db.prepare('SELECT sequence, hash FROM head'),
  setHead: db.prepare('UPDATE head SET sequence = ?, hash = ?'),
  hasAudit: db.prepare('SELECT 1 FROM audit WHERE id = ?'),
  addAudit: db.prepare('INSERT INTO audit (sequence, id, hash, text) VALUES (?, ?, ?, ?)'),
  addEvent: db.prepare('INSERT OR IGNORE INTO event (id, text) VALUES (?, ?)'),
  pruneEvents: db.prepare('DELETE FROM event WHERE sequence <= (SELECT max(sequence) FROM event) - ?'),
  links: db.prepare('SELECT sequence, hash, text FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?'),
  count: db.prepare('SELECT count(*) AS records FROM audit'),
})
