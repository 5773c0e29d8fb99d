/** The thread of the SQLite store: the only one that touches its disk. */

import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { present } from '#base/assert.ts'
import { Problem } from '#model/problem.ts'
import type { WrittenChange } from '../../ground/changes.ts'
import { lock } from '../../ground/lock.ts'
import { openDatabase, problemFrom } from '../../ground/sqlite.ts'
import { answer } from '../../ground/thread.ts'
import { lockFile, storeFile, storeSchema } from './schema.ts'
import { Tables, type Outcome, type State } from './tables.ts'
import { digestOf } from './check.ts'

type Opened = { readonly db: DatabaseSync; readonly tables: Tables; readonly unlock: () => void }
type BatchAnswer = { readonly outcomes: readonly Outcome[]; readonly forgotten: number }

let opened: Opened | undefined
let file = ''

const tables = () => present(opened, 'the store is open').tables

const asks = {
  open({ folder }: { readonly folder: string }): State {
    file = join(folder, storeFile)
    opened = open(folder)
    return opened.tables.state
  },
  commit(batch: readonly (readonly WrittenChange[])[]): BatchAnswer {
    const outcomes = tables().commit(batch)
    return { outcomes, forgotten: tables().state.forgotten }
  },
  get: ({ kind, id }: { readonly kind: string; readonly id: string }) => tables().get(kind, id),
  snapshot: (kind: string | undefined) => tables().snapshot(kind),
  claims: (prefix: string) => tables().claims(prefix),
  history: (after: number) => tables().history(after),
  compact(through: number): number {
    tables().compact(through)
    return tables().state.forgotten
  },
  probe: () => tables().probe(),
  close() {
    opened?.db.close()
    opened?.unlock()
    opened = undefined
  },
}

function open(folder: string): Opened {
  const { db, unlock } = openLocked(folder)
  try {
    const tables = new Tables(db)
    if (digestOf(db) !== tables.state.digest)
      throw new Problem('store/corrupt', { why: 'rows are missing or out of date' })
    return { db, tables, unlock }
  } catch (error) {
    db.close()
    unlock()
    throw error
  }
}

function openLocked(folder: string) {
  const unlock = lock(join(folder, lockFile))
  try {
    return { db: openDatabase(file, storeSchema), unlock }
  } catch (error) {
    unlock()
    throw error
  }
}

export type StoreAsks = typeof asks

answer(asks, (error) => problemFrom(error, file))
