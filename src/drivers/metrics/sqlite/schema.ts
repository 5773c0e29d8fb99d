/** The file of the figures: its tables, how it is opened, and how a damaged one is set aside. */

import { existsSync, renameSync, rmSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createFile, mustBeOurs, problemFrom, upgrade, valueOf, type Schema } from '../../ground/sqlite.ts'

export const metricsFile = 'metrics.db'
export const metricsLockFile = 'metrics.lock'

const schema: Schema = {
  applicationId: 0x44434e4d, // "DCNM"
  steps: [
    // `recent` is ordered by time: what is written together lies together, whosever it is.
    `CREATE TABLE subject (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, uuid TEXT NOT NULL, UNIQUE (kind, uuid)) STRICT;
     CREATE TABLE figure (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
     CREATE TABLE recent (
       minuteMs INTEGER NOT NULL, subject INTEGER NOT NULL, bytes BLOB NOT NULL,
       PRIMARY KEY (minuteMs, subject)) STRICT, WITHOUT ROWID;
     CREATE TABLE pack (
       id INTEGER PRIMARY KEY, subject INTEGER NOT NULL, tier INTEGER NOT NULL, startMs INTEGER NOT NULL,
       bytes BLOB NOT NULL, UNIQUE (subject, tier, startMs)) STRICT;
     CREATE INDEX pack_age ON pack (tier, startMs);`,
  ],
}

/** Figures may be lost in a power cut, the file may not be harmed by one: NORMAL (https://sqlite.org/wal.html#performance). */
const settings = `
  PRAGMA synchronous = NORMAL;
  PRAGMA wal_autocheckpoint = 1000;
  PRAGMA journal_size_limit = 8388608;
  PRAGMA cell_size_check = ON;
  PRAGMA trusted_schema = OFF;
  PRAGMA mmap_size = 0;
  PRAGMA busy_timeout = 5000;
`

/** Opens or creates it. Problems: `store/newer`, `store/corrupt`, `store/full`, `store/failing`. Not read as a whole: it may be large. */
export function openMetricsFile(path: string): DatabaseSync {
  createFile(path)
  const db = new DatabaseSync(path)
  try {
    mustBeOurs(db, schema)
    db.exec('PRAGMA journal_mode = WAL')
    db.exec(settings)
    upgrade(db, schema)
    return db
  } catch (error) {
    db.close()
    throw problemFrom(error, path)
  }
}

/** Makes room for a new file; the damaged one stays for whoever wants to look, in place of an earlier one. */
export function setAside(path: string) {
  for (const ending of ['-wal', '-shm']) rmSync(`${path}${ending}`, { force: true })
  if (existsSync(path)) renameSync(path, `${path}.damaged`)
}

export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path))
  return bavail * bsize
}

/** Bytes in use within the file. */
export const usedBytes = (db: DatabaseSync) =>
  (Number(valueOf(db, 'PRAGMA page_count')) - Number(valueOf(db, 'PRAGMA freelist_count'))) *
  Number(valueOf(db, 'PRAGMA page_size'))
