import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { canonical } from '#base/json.ts'
import { obeysLedgerContract } from '../contract.ts'
import type { ChainedRecord } from '../port.ts'
import { openSqliteLedger } from './ledger.ts'

obeysLedgerContract('sqlite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-ledger-'))
  let ledger = await openSqliteLedger({ folder })
  const reopened = async () => (ledger = await openSqliteLedger({ folder }))
  return {
    ledger,
    reopen: async () => {
      await ledger.close()
      return reopened()
    },
    rewrite: async (forge) => {
      await ledger.close()
      rewriteFile(join(folder, 'ledger.db'), forge)
      return reopened()
    },
    dispose: async () => {
      await ledger.close()
      rmSync(folder, { recursive: true })
    },
  }
})

function rewriteFile(file: string, forge: (all: readonly ChainedRecord[]) => readonly ChainedRecord[]) {
  using db = new DatabaseSync(file)
  const rows = db.prepare('SELECT sequence, hash, text FROM audit ORDER BY sequence').all()
  const all = rows.map((row) => ({
    ...JSON.parse(String(row['text'])),
    sequence: row['sequence'],
    hash: row['hash'],
  })) as ChainedRecord[]
  db.exec('DELETE FROM audit')
  const add = db.prepare('INSERT INTO audit (sequence, id, hash, text) VALUES (?, ?, ?, ?)')
  for (const { sequence, hash, ...record } of forge(all))
    add.run(sequence, record.id, hash, canonical(record))
}

test('a second ledger on the same folder is refused, and files are for their owner only', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-ledger-'))
  const ledger = await openSqliteLedger({ folder })
  await assert.rejects(openSqliteLedger({ folder }), { code: 'store/locked' })
  assert.equal(statSync(join(folder, 'ledger.db')).mode & 0o777, 0o600)
  await ledger.close()
  await assert.rejects(ledger.audits({ limit: 1 }), { code: 'store/failing' })
  rmSync(folder, { recursive: true })
})
