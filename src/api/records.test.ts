import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { memoryLedger } from '#drivers/ledger/memory/ledger.ts'
import type { AuditRecord } from '#drivers/ledger/port.ts'
import { limits } from '#model/limits.ts'
import type { Desk } from '#program/desk.ts'
import { Refusals } from './records.ts'

const refusal = (n: number, atMs: number, credential: string): AuditRecord => ({
  id: `r${n}`,
  atMs,
  user: '',
  via: '',
  credential,
  action: 'machine.create',
  kind: 'machine',
  project: null,
  name: '',
  outcome: 'refused',
  code: 'auth/missing',
  requestId: '',
  from: '127.0.0.1',
  detail: '',
})

async function written(credential: string) {
  const ledger = memoryLedger()
  const refusals = new Refusals({ ledger } as Desk, () => {})
  for (let n = 0; n < 300; n++) await refusals.write(refusal(n, 60_000, credential))
  await refusals.write(refusal(300, 120_000, credential))
  return await ledger.audits({ limit: 500 })
}

test('I-48: strangers who are refused again and again in a minute leave a bounded number of records, none unsaid', async () => {
  const [last, summary, ...others] = await written('')
  equal(others.length, limits.strangerRecordsPerMinute)
  equal(summary?.detail, `${300 - limits.strangerRecordsPerMinute} more refusals in a minute before`)
  equal(last?.id, 'r300')
})

test('I-41: each refusal of somebody known has its record', async () => {
  deepEqual((await written('token-1')).length, 301)
})
