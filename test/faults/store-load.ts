/**
 * A program that commits as fast as it can and prints the number of each commit once it is acknowledged.
 * Arguments: the folder of the store, and how durable: `full` is the store as it ships; `normal` and `off` plant the
 * bug that a power cut must show, on the store's own tables.
 */

import { join } from 'node:path'
import { openDatabase } from '../../src/drivers/ground/sqlite.ts'
import { storeSchema } from '../../src/drivers/store/sqlite/schema.ts'
import { openSqliteStore } from '../../src/drivers/store/sqlite/store.ts'
import { Tables } from '../../src/drivers/store/sqlite/tables.ts'

const committers = 16
const [folder = '', mode = 'full'] = process.argv.slice(2)
const commit = mode === 'full' ? await real() : planted()
const start = Date.now()

await Promise.all(Array.from({ length: committers }, (_, at) => load(at)))

async function load(at: number) {
  for (let n = at; ; n += committers) {
    const id = `${start}-${n}`
    await commit(id, 'x'.repeat(100 + (n % 7) * 100))
    process.stdout.write(`${id}\n`)
  }
}

async function real() {
  const store = await openSqliteStore({ folder })
  return (id: string, value: string) => store.commit([{ op: 'put', kind: 'n', id, value }])
}

function planted() {
  const db = openDatabase(join(folder, 'store.db'), storeSchema)
  db.exec(`PRAGMA synchronous = ${mode}`)
  const tables = new Tables(db)
  return async (id: string, value: string) => {
    tables.commit([[{ op: 'put', kind: 'n', id, text: JSON.stringify(value) }]])
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
