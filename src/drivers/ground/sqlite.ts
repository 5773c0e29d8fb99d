/**
 * The one way in which Decant opens a SQLite database that must survive power cuts: write-ahead log with
 * synchronous=FULL (NORMAL loses acknowledged commits on a power cut, https://sqlite.org/wal.html#performance),
 * both read back; a library without the WAL-reset bug; a schema that only moves forward, in one transaction.
 */

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isObject } from '#base/json.ts'
import { Problem } from '#model/problem.ts'

/** Kinds of file are told apart by SQLite's application_id; `steps[n]` leads from schema n to n + 1. */
export type Schema = { readonly applicationId: number; readonly steps: readonly string[] }

/** Before it a checkpoint could corrupt the database (https://sqlite.org/wal.html#walresetbug). */
const oldestSafe = [3, 51, 3] as const

/** Settings of every connection. No memory map: an I/O error there would be a signal, not an error. */
const settings = `
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 4000;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA cell_size_check = ON;
  PRAGMA trusted_schema = OFF;
  PRAGMA mmap_size = 0;
  PRAGMA busy_timeout = 5000;
`

/** Opens, or creates with mode 0600, checks and upgrades. Problems: `store/unsafe|newer|corrupt|failing|full`. */
export function openDatabase(path: string, schema: Schema): DatabaseSync {
  const isNew = createFile(path)
  const db = new DatabaseSync(path)
  try {
    mustBeSafeVersion(String(valueOf(db, 'SELECT sqlite_version()')))
    mustBeOurs(db, schema)
    db.exec('PRAGMA journal_mode = WAL')
    db.exec(settings)
    mustRead(db, 'journal_mode', 'wal')
    mustRead(db, 'synchronous', 2)
    upgrade(db, schema)
    mustBeWhole(db)
    if (isNew) syncFolder(dirname(path))
    return db
  } catch (error) {
    db.close()
    throw problemFrom(error, path)
  }
}

/** Moves an older schema forward, all steps or none; refuses a newer one (I-18). */
export function upgrade(db: DatabaseSync, { applicationId, steps }: Schema) {
  const found = Number(valueOf(db, 'PRAGMA user_version'))
  if (found > steps.length) throw new Problem('store/newer', { found, known: steps.length })
  if (found === steps.length) return
  db.exec('BEGIN IMMEDIATE')
  try {
    for (const step of steps.slice(found)) db.exec(step)
    db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${steps.length}`)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** Problem `store/corrupt` when SQLite's own check finds damage (I-16). */
export function mustBeWhole(db: DatabaseSync, check: 'quick_check' | 'integrity_check' = 'quick_check') {
  const found = String(valueOf(db, `PRAGMA ${check}(1)`))
  if (found !== 'ok') throw new Problem('store/corrupt', { why: found })
}

/** Problem `store/corrupt` when the file is a database of something else. */
export function mustBeOurs(db: DatabaseSync, { applicationId }: Schema) {
  const found = Number(valueOf(db, 'PRAGMA application_id'))
  const tables = Number(valueOf(db, 'SELECT count(*) FROM sqlite_schema'))
  if (found !== applicationId && (found !== 0 || tables > 0))
    throw new Problem('store/corrupt', { why: 'the file is another kind of database' })
}

export function mustBeSafeVersion(found: string) {
  const numbers = found.split('.').map(Number)
  const unequal = oldestSafe.findIndex((wanted, at) => wanted !== numbers[at])
  if (unequal === -1 || (numbers[unequal] ?? 0) > (oldestSafe[unequal] ?? 0)) return
  throw new Problem('store/unsafe', { setting: 'version', found, wanted: oldestSafe.join('.') })
}

/** Problem `store/unsafe` when a setting is not what was asked for. */
export function mustRead(db: DatabaseSync, setting: string, wanted: string | number) {
  const found = valueOf(db, `PRAGMA ${setting}`)
  if (found !== wanted) throw new Problem('store/unsafe', { setting, found: String(found), wanted })
}

/** The first column of the first row. */
export const valueOf = (db: DatabaseSync, sql: string): unknown =>
  Object.values(db.prepare(sql).get() ?? {})[0]

/** Runs in one transaction that takes the write lock at once; nothing stays when it throws. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/**
 * Makes a file, and its folder, for its owner only; says whether there was none. An existing file is never opened here: closing it would drop the locks that SQLite holds on it in this
 * process (https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
 */
export function createFile(path: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    if (existsSync(path)) return false
    closeSync(openSync(path, 'wx', 0o600))
    return true
  } catch (error) {
    throw problemFrom(error, path)
  }
}

/** Makes the names in a folder survive a power cut; SQLite does so for its log, not for a new database. */
export function syncFolder(folder: string) {
  for (const path of [folder, dirname(folder)]) syncPath(path)
}

export function syncPath(path: string) {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

const roomBytes = 65_536

/** What SQLite or the file system threw, as a problem; bugs stay what they are. `path` tells whose disk. */
export function problemFrom(error: unknown, path: string): unknown {
  if (error instanceof Problem || !(error instanceof Error) || !isObject(error)) return error
  if (error['code'] === 'ENOSPC' || error['code'] === 'EDQUOT')
    return new Problem('store/full', {}, { cause: error })
  if (typeof error['errno'] === 'number' && typeof error['syscall'] === 'string')
    return new Problem('store/failing', { why: String(error['code']) }, { cause: error })
  return typeof error['errcode'] === 'number' ? problemOf(error, error['errcode'], path) : error
}

/** By SQLite's result code (https://sqlite.org/rescode.html); the low byte is the primary one. */
function problemOf(error: Error, resultCode: number, path: string): unknown {
  const primary = resultCode & 0xff
  const why = `${error.message} (SQLite ${resultCode})`
  if (primary === 13 || (primary === 10 && isFull(path)))
    return new Problem('store/full', {}, { cause: error })
  if (primary === 11 || primary === 26) return new Problem('store/corrupt', { why }, { cause: error })
  const isOfTheWorld = [3, 5, 6, 7, 8, 10, 14, 15, 22, 23].includes(primary)
  return isOfTheWorld ? new Problem('store/failing', { why }, { cause: error }) : error
}

/** SQLite reports some kinds of a full disk as an I/O error. */
function isFull(path: string) {
  try {
    const { bavail, bsize } = statfsSync(dirname(path))
    return bavail * bsize < roomBytes
  } catch {
    return false
  }
}
