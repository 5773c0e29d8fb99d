/** The thread of the figures: the only one that touches their file. What fails is tried again with the next samples. */

import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { Problem } from '#model/problem.ts'
import type { Sample } from '#model/metrics.ts'
import { lock } from '../../ground/lock.ts'
import { problemFrom } from '../../ground/sqlite.ts'
import { answer } from '../../ground/thread.ts'
import type { MetricsSize, Span, Tending } from '../port.ts'
import { freeBytes, metricsFile, metricsLockFile, openMetricsFile, setAside, usedBytes } from './schema.ts'
import { Tables } from './tables.ts'
import { tendTables } from './upkeep.ts'

export type Opening = { readonly folder: string; readonly bytesAtMost: number; readonly spareBytes: number }

let opening: Opening = { folder: '', bytesAtMost: 0, spareBytes: 0 }
let opened: { readonly db: DatabaseSync; readonly tables: Tables } | undefined
let unlock: (() => void) | undefined
let setAsideWhy = ''

const file = () => join(opening.folder, metricsFile)

function tables(): Tables {
  unlock ??= lock(join(opening.folder, metricsLockFile))
  if (opened === undefined) {
    const db = openMetricsFile(file())
    opened = { db, tables: new Tables(db) }
  }
  return opened.tables
}

function closeFile() {
  const { db } = opened ?? {}
  opened = undefined
  try {
    db?.close()
  } catch {
    // A damaged file may not even close; what counts is in memory no more.
  }
}

/** Works on the file; a damaged one is set aside, once for each damage, and the work is done on a new one. */
function onFile<T>(work: (tables: Tables) => T): T {
  try {
    return work(tables())
  } catch (error) {
    const problem = problemFrom(error, file())
    opened?.tables.drop()
    if (!(problem instanceof Problem) || problem.code !== 'store/corrupt') throw problem
    setAsideWhy = String(problem.facts['why'] ?? problem.code)
    closeFile()
    setAside(file())
    return work(tables())
  }
}

const asks = {
  open(given: Opening) {
    opening = given
  },
  write: (samples: readonly Sample[]) =>
    onFile((tables) => {
      if (freeBytes(file()) < opening.spareBytes) throw new Problem('store/full')
      tables.write(samples)
    }),
  read: (span: Span) => onFile((tables) => tables.read(span)),
  tend: (tending: Tending) => onFile((tables) => tendTables(tables, tending, opening.bytesAtMost)),
  size: (): MetricsSize =>
    onFile(({ db, names }) => ({
      bytes: usedBytes(db),
      subjects: names.subjects.size,
      setAside: setAsideWhy,
    })),
  close() {
    try {
      opened?.tables.flush()
    } finally {
      closeFile()
      unlock?.()
      unlock = undefined
    }
  },
}

export type MetricsAsks = typeof asks

answer(asks, (error) => problemFrom(error, file()))
