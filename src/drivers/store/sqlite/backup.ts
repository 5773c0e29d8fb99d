/**
 * Copies of a store and the way back. A backup is one whole file, taken while Decant runs or not; a restore
 * replaces the store in one rename, so that at every instant there is the old store or the new one.
 */

import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { closeSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Problem } from '#model/problem.ts'
import { lock } from '../../ground/lock.ts'
import { inTransaction, mustRead, problemFrom, syncFolder, syncPath, upgrade } from '../../ground/sqlite.ts'
import { checkSqlite, storeFileOf, type StoreReport } from './check.ts'
import { lockFile, storeFile, storeSchema } from './schema.ts'

/**
 * As `etcdctl snapshot restore --bump-revision` advises: a restored store jumps ahead of every revision that
 * it may have given out after the backup, so that no client mistakes the new history for the old one (I-17).
 */
const revisionLeap = 1_000_000_000

/**
 * Writes the store of a folder, as it is at one revision, to a new file of mode 0600, checks it and makes it
 * durable. Problems: `store/no-file`, `store/file-exists`, `store/corrupt`, `store/full`, `store/failing`.
 */
export function backupSqlite(folder: string, toFile: string): StoreReport {
  const from = storeFileOf(folder)
  const draft = `${toFile}.part`
  try {
    mustBeAbsent(toFile)
    rmSync(draft, { force: true })
    closeSync(openSync(draft, 'wx', 0o600))
    vacuumInto(from, draft)
    const report = mustBeGood(draft)
    syncPath(draft)
    publish(draft, toFile)
    return { ...report, file: toFile }
  } catch (error) {
    throw problemFrom(error, toFile)
  } finally {
    rmSync(draft, { force: true })
  }
}

/**
 * Puts a backup in place of a folder's store after checking it. The old store is kept beside it under the
 * path returned. Problems: `store/locked` while Decant runs, `store/no-file`, `store/corrupt`, `store/newer`,
 * `store/full`, `store/failing`.
 */
export function restoreSqlite(
  fromFile: string,
  folder: string,
): { report: StoreReport; kept: string | null } {
  mustBeGood(storeFileOf(fromFile))
  const target = join(folder, storeFile)
  const draft = `${target}.part`
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const unlock = lock(join(folder, lockFile))
  try {
    copyFileSync(fromFile, draft)
    chmodSync(draft, 0o600)
    leapAhead(draft, target)
    const report = { ...mustBeGood(draft), file: target }
    syncPath(draft)
    const kept = setAside(target)
    renameSync(draft, target)
    syncFolder(folder)
    return { report, kept }
  } catch (error) {
    throw problemFrom(error, target)
  } finally {
    for (const ending of ['', '-wal', '-shm', '-journal']) rmSync(`${draft}${ending}`, { force: true })
    unlock()
  }
}

/** VACUUM INTO reads one snapshot and does not disturb the writer (https://sqlite.org/lang_vacuum.html). */
function vacuumInto(from: string, toFile: string) {
  using db = new DatabaseSync(from, { readOnly: true, timeout: 5_000 })
  db.prepare('VACUUM INTO ?').run(toFile)
}

function mustBeGood(file: string): StoreReport {
  const report = checkSqlite(file)
  if (!report.whole) throw new Problem('store/corrupt', { why: report.why })
  return report
}

function mustBeAbsent(path: string) {
  if (existsSync(path)) throw new Problem('store/file-exists', { path })
}

/** Gives a finished file its name; unlike a rename, a link never replaces another's file. */
function publish(draft: string, path: string) {
  try {
    linkSync(draft, path)
  } catch (error) {
    mustBeAbsent(path)
    throw error
  }
  syncFolder(dirname(path))
}

/** Forgets the backup's history and goes beyond every revision of the store that it replaces. */
function leapAhead(draft: string, target: string) {
  const replaced = existsSync(target) ? checkSqlite(target).revision : 0
  using db = new DatabaseSync(draft)
  db.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL')
  mustRead(db, 'synchronous', 2)
  upgrade(db, storeSchema)
  inTransaction(db, () => {
    const { revision } = db.prepare('SELECT revision FROM state').get() ?? {}
    const next = Math.max(Number(revision), replaced) + revisionLeap
    db.exec('DELETE FROM history')
    db.prepare('UPDATE state SET revision = ?, forgotten = ?, size = 0, bytes = 0').run(next, next)
  })
}

/** Keeps the old store under a second name. Its log is first moved into it; that of a damaged one goes along. */
function setAside(target: string): string | null {
  if (!existsSync(target)) return null
  const kept = unusedName(target)
  if (!isFolded(target)) {
    for (const ending of ['-wal', '-shm'])
      if (existsSync(target + ending)) renameSync(target + ending, kept + ending)
  }
  linkSync(target, kept)
  return kept
}

/** A log left beside a new database would be taken for its own: whether it is now part of the old one. */
function isFolded(target: string): boolean {
  try {
    using db = new DatabaseSync(target)
    db.exec('PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE')
    return !existsSync(`${target}-wal`)
  } catch {
    return false
  }
}

function unusedName(target: string): string {
  for (let number = 1; ; number++) {
    const name = `${target}.replaced-${number}`
    if (!existsSync(name)) return name
  }
}
