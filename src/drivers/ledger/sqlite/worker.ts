/** The thread of the SQLite ledger: the only one that touches its disk. */

import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { present } from '#base/assert.ts'
import { lock } from '../../ground/lock.ts'
import { openDatabase, problemFrom } from '../../ground/sqlite.ts'
import { answer } from '../../ground/thread.ts'
import type { AuditRecord, LedgerEvent, Page } from '../port.ts'
import { ledgerFile, ledgerSchema, lockFile } from './schema.ts'
import { Tables, type Place } from './tables.ts'

let opened: { readonly db: DatabaseSync; readonly tables: Tables; readonly unlock: () => void } | undefined
let file = ''

const tables = () => present(opened, 'the ledger is open').tables

const asks = {
  open({ folder }: { readonly folder: string }) {
    file = join(folder, ledgerFile)
    opened = open(join(folder, lockFile))
  },
  audit: (records: readonly AuditRecord[]) => tables().audit(records),
  event: (events: readonly LedgerEvent[]) => tables().event(events),
  audits: (page: Page) => tables().read('audit', page),
  events: (page: Page) => tables().read('event', page),
  walk: (from: Place) => tables().walk(from),
  count: () => tables().count(),
  close() {
    opened?.db.close()
    opened?.unlock()
    opened = undefined
  },
}

function open(lockPath: string) {
  const unlock = lock(lockPath)
  try {
    const db = openDatabase(file, ledgerSchema)
    return { db, tables: new Tables(db), unlock }
  } catch (error) {
    unlock()
    throw error
  }
}

export type LedgerAsks = typeof asks

answer(asks, (error) => problemFrom(error, file))
