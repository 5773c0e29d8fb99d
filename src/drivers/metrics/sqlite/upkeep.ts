/** What is done by and by: closed hours become packs, and what is too old, too much or of nobody goes. */

import { addTo, coarser, slotOf, type Slots } from '#base/rollup.ts'
import { limits } from '#model/limits.ts'
import { inTransaction } from '../../ground/sqlite.ts'
import { tiers, type Tending } from '../port.ts'
import { blockFrom } from './block.ts'
import { usedBytes } from './schema.ts'
import { hourMs, minuteMs, packMs, type Tables } from './tables.ts'

/** An hour is packed once no sample of it can come any more. */
const closedAfterMs = limits.sampleLateMs + 5 * minuteMs
/** Subjects packed, and packs dropped, in one go: a reader waits for no more than that. */
const subjectsAtOnce = 50
const packsAtOnce = 500

/** Does one part of what is due; says whether that was all. */
export function tendTables(tables: Tables, tending: Tending, bytesAtMost: number): boolean {
  tables.flush(slotOf(tending.nowMs, minuteMs))
  const hour = hourDue(tables, tending.nowMs)
  if (hour !== undefined) {
    packHour(tables, hour)
    return false
  }
  if (tending.mayForget && (dropOld(tables, tending.nowMs) || dropGone(tables, tending))) return false
  return !dropExcess(tables, bytesAtMost)
}

/** The first hour that is over, or that lies ahead: the clock was wrong then and is not waited for. */
function hourDue({ minutes }: Tables, nowMs: number): number | undefined {
  const isDue = (hour: number) => hour + hourMs + closedAfterMs <= nowMs || hour > nowMs + hourMs
  return [...minutes]
    .map((minute) => Math.floor(minute / hourMs) * hourMs)
    .toSorted((a, b) => a - b)
    .find(isDue)
}

/** Packs an hour of some subjects: packs and the end of the rows in one transaction (I-20). */
function packHour(tables: Tables, hour: number) {
  const { db, minutes } = tables
  const within = [...minutes].filter((minute) => minute >= hour && minute < hour + hourMs)
  const first = Math.min(...within)
  const some = db
    .prepare('SELECT subject FROM recent WHERE minuteMs = ? ORDER BY subject LIMIT ?')
    .all(first, subjectsAtOnce)
    .map(({ subject }) => Number(subject))
  const [from, to] = [some[0] ?? 0, some.at(-1) ?? 0]
  const isLast = some.length < subjectsAtOnce
  const upTo = isLast ? Number.MAX_SAFE_INTEGER : to
  inTransaction(db, () => {
    const bySubject = momentsOf(tables, within, [from, upTo])
    for (const [subject, moments] of bySubject) addToPacks(tables, subject, moments)
    const drop = db.prepare('DELETE FROM recent WHERE minuteMs = ? AND subject BETWEEN ? AND ?')
    for (const minute of within) drop.run(minute, from, upTo)
  })
  const has = db.prepare('SELECT 1 FROM recent WHERE minuteMs = ? LIMIT 1')
  for (const minute of within) if (has.get(minute) === undefined) minutes.delete(minute)
}

function momentsOf(tables: Tables, within: readonly number[], [from, to]: readonly [number, number]) {
  const rows = tables.db.prepare(
    'SELECT subject, bytes FROM recent WHERE minuteMs = ? AND subject BETWEEN ? AND ?',
  )
  const bySubject = new Map<number, Slots>()
  for (const minute of within) {
    for (const { subject, bytes } of rows.iterate(minute, from, to)) {
      const moments = bySubject.get(Number(subject)) ?? new Map()
      bySubject.set(Number(subject), moments)
      tables.blockInto(moments, bytes)
    }
  }
  return bySubject
}

/** Each tier is made from the finer one of the same samples, so that all tell the same sums. */
function addToPacks(tables: Tables, subject: number, moments: Slots) {
  const { db, names } = tables
  const get = db.prepare('SELECT bytes FROM pack WHERE subject = ? AND tier = ? AND startMs = ?')
  const put = db.prepare(
    `INSERT INTO pack (subject, tier, startMs, bytes) VALUES (?, ?, ?, ?)
     ON CONFLICT (subject, tier, startMs) DO UPDATE SET bytes = excluded.bytes`,
  )
  let slots = finest(moments)
  for (const [tier, { stepMs }] of tiers.entries()) {
    if (tier > 0) slots = coarser(slots, stepMs)
    // A pack is a whole number of hours: all of an hour goes into one.
    const [slotMs = 0] = slots.keys()
    const startMs = Math.floor(slotMs / packMs(tier)) * packMs(tier)
    const before = get.get(subject, tier, startMs)?.['bytes']
    const packed = before === undefined ? slots : coarser(slots, stepMs, tables.blockInto(new Map(), before))
    put.run(subject, tier, startMs, blockFrom(packed, names, tier === 0))
  }
}

function finest(moments: Slots): Slots {
  const slots: Slots = new Map()
  const [{ stepMs }] = tiers
  for (const [moment, rolls] of moments) {
    const slotMs = slotOf(moment, stepMs)
    if (!slots.has(slotMs)) slots.set(slotMs, rolls)
    else for (const [name, roll] of rolls) addTo(slots, slotMs, name, roll)
  }
  return slots
}

/** Drops some packs that are past their time; says whether there were any. */
function dropOld({ db }: Tables, nowMs: number): boolean {
  const drop = db.prepare(
    'DELETE FROM pack WHERE id IN (SELECT id FROM pack WHERE tier = ? AND startMs < ? ORDER BY startMs LIMIT ?)',
  )
  return tiers.some(
    ({ keepMs }, tier) => Number(drop.run(tier, nowMs - keepMs - packMs(tier), packsAtOnce).changes) > 0,
  )
}

/** Drops the packs of one subject that is no longer there, some time after its last one. */
function dropGone({ db, names }: Tables, { nowMs, isKnown }: Tending): boolean {
  const known = new Set(isKnown.map(({ kind, id }) => `${kind}/${id}`))
  const last = db.prepare('SELECT max(startMs) AS at FROM pack WHERE subject = ? AND tier = 0')
  const lastCoarse = db.prepare('SELECT max(startMs) AS at FROM pack WHERE subject = ?')
  for (const [key, id] of names.subjects) {
    if (known.has(key)) continue
    const at = last.get(id)?.['at'] ?? lastCoarse.get(id)?.['at'] ?? null
    // Without a pack it is younger than an hour, or has nothing.
    if (at === null || Number(at) > nowMs - limits.metricsOfGoneMs - hourMs) continue
    inTransaction(db, () => {
      db.prepare('DELETE FROM pack WHERE subject = ?').run(id)
      names.forget(key, id)
    })
    return true
  }
  return false
}

/** Drops the oldest of the finest while all together are too many; says whether it dropped any. */
function dropExcess({ db }: Tables, bytesAtMost: number): boolean {
  if (usedBytes(db) <= bytesAtMost) return false
  const drop = db.prepare(
    'DELETE FROM pack WHERE id IN (SELECT id FROM pack WHERE tier = ? ORDER BY startMs LIMIT ?)',
  )
  return tiers.some((_, tier) => Number(drop.run(tier, packsAtOnce).changes) > 0)
}
