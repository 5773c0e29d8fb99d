/**
 * The tables of the figures: all of the SQL, synchronous, for the one thread that has the file.
 *
 *     write ─▶ pending (memory, this minute) ─▶ recent (rows by minute) ─▶ packs (tiers, an hour at a time)
 */

import type { DatabaseSync } from 'node:sqlite'
import { addTo, rollOf, slotOf, type Slots } from '#base/rollup.ts'
import type { Sample } from '#model/metrics.ts'
import { historyOf } from '../../ground/history.ts'
import { inTransaction } from '../../ground/sqlite.ts'
import { tierFor, tiers, type History, type Span } from '../port.ts'
import { blockFrom, blockInto } from './block.ts'
import { Names } from './dictionary.ts'

export const minuteMs = 60_000
export const hourMs = 3_600_000
/** Slots of a tier that are packed together; each pack is a multiple of an hour long. */
const packSlots = [360, 360, 288, 336] as const
/** Minutes that wait in memory at most: what a crash may cost. */
const pendingMinutes = 2

export const packMs = (tier: number) => (packSlots[tier] ?? 1) * (tiers[tier]?.stepMs ?? hourMs)

/** Rolls by the moment of their sample, by the number of their subject. */
type Pending = Map<number, Slots>

export class Tables {
  readonly db: DatabaseSync
  readonly names: Names
  readonly #sql: ReturnType<typeof statements>
  readonly #pending = new Map<number, Pending>()
  /** Minutes of which there are rows. */
  readonly minutes: Set<number>

  constructor(db: DatabaseSync) {
    this.db = db
    this.names = new Names(db)
    this.#sql = statements(db)
    this.minutes = new Set(minutesIn(db))
  }

  /** Keeps samples in memory; writes the minutes that are over. */
  write(samples: readonly Sample[]) {
    inTransaction(this.db, () => {
      for (const sample of samples) this.#take(sample)
    })
    const newest = samples.reduce((most, { atMs }) => Math.max(most, slotOf(atMs, minuteMs)), 0)
    const isOver = [...this.#pending.keys()].some((minute) => minute !== newest)
    if (isOver || this.#pending.size > pendingMinutes) this.flush(newest)
  }

  #take({ subject, atMs, overMs, figures }: Sample) {
    const minute = slotOf(atMs, minuteMs)
    const bySubject = this.#pending.get(minute) ?? new Map<number, Slots>()
    this.#pending.set(minute, bySubject)
    const id = this.names.subject(subject)
    const slots: Slots = bySubject.get(id) ?? new Map()
    bySubject.set(id, slots)
    if (slots.has(atMs)) return
    for (const [name, value] of Object.entries(figures)) {
      if (!this.names.knows(name) && !this.names.hasRoom) continue
      addTo(slots, atMs, name, rollOf(value, overMs))
    }
  }

  /** Writes what waits, but for one minute that is not over. What cannot be written is lost, not kept for ever. */
  flush(but?: number) {
    const due = [...this.#pending].filter(([minute]) => minute !== but)
    if (due.length === 0) return
    for (const [minute] of due) this.#pending.delete(minute)
    inTransaction(this.db, () => {
      for (const [minute, bySubject] of due)
        for (const [subject, slots] of bySubject) this.#writeRow(minute, subject, slots)
    })
    for (const [minute] of due) this.minutes.add(minute)
  }

  /** Forgets what waits in memory, and reads the names anew. */
  drop() {
    this.#pending.clear()
    this.names.read()
  }

  #writeRow(minute: number, subject: number, slots: Slots) {
    const there = this.#sql.row.get(minute, subject)?.['bytes']
    if (there !== undefined) {
      const before = this.blockInto(new Map(), there)
      // A moment that is there already is the same sample once more.
      for (const [moment, rolls] of before) slots.set(moment, rolls)
    }
    this.#sql.setRow.run(minute, subject, blockFrom(slots, this.names, true))
  }

  /** What a block holds; nothing of one that cannot be read. */
  blockInto(into: Slots, bytes: unknown): Slots {
    try {
      return bytes instanceof Uint8Array ? blockInto(into, bytes, this.names) : into
    } catch {
      return into
    }
  }

  read(span: Span): History {
    const tier = tierFor(span)
    const at = tiers.findIndex(({ stepMs }) => stepMs === tier.stepMs)
    const subject = this.names.subjects.get(`${span.subject.kind}/${span.subject.id}`)
    const slots: Slots = new Map()
    if (subject === undefined) return historyOf(slots, tier.stepMs, span)
    const first = Math.floor(span.fromMs / packMs(at)) * packMs(at)
    for (const { bytes } of this.#sql.packs.all(subject, at, first, span.toMs)) this.blockInto(slots, bytes)
    this.#addRecent(slots, subject, tier.stepMs, span)
    return historyOf(slots, tier.stepMs, span)
  }

  #addRecent(slots: Slots, subject: number, stepMs: number, { fromMs, toMs }: Span) {
    const add = (moments: Slots) => {
      for (const [moment, rolls] of moments)
        for (const [name, roll] of rolls) addTo(slots, slotOf(moment, stepMs), name, roll)
    }
    // A slot may begin before what is asked for and end in it.
    const isWithin = (minute: number) => minute > fromMs - stepMs - minuteMs && minute < toMs + stepMs
    for (const minute of this.minutes)
      if (isWithin(minute)) add(this.blockInto(new Map(), this.#sql.row.get(minute, subject)?.['bytes']))
    for (const [minute, bySubject] of this.#pending)
      if (isWithin(minute)) add(bySubject.get(subject) ?? new Map())
  }
}

const statements = (db: DatabaseSync) => ({
  row: db.prepare('SELECT bytes FROM recent WHERE minuteMs = ? AND subject = ?'),
  setRow: db.prepare('INSERT OR REPLACE INTO recent (minuteMs, subject, bytes) VALUES (?, ?, ?)'),
  packs: db.prepare(
    'SELECT bytes FROM pack WHERE subject = ? AND tier = ? AND startMs >= ? AND startMs < ? ORDER BY startMs',
  ),
})

/** Without reading every row: from one minute to the next. */
function* minutesIn(db: DatabaseSync) {
  const next = db.prepare('SELECT min(minuteMs) AS minute FROM recent WHERE minuteMs > ?')
  let last: unknown = -1
  while ((last = next.get(Number(last))?.['minute'] ?? null) !== null) yield Number(last)
}
