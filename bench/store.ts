/**
 * Durable single-change commits at the store port with 64 committers, beside etcd puts with 64 clients on the same
 * disk, in turns within one run. `npm run bench -- store`
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openSqliteStore } from '../src/drivers/store/sqlite/store.ts'
import { startEtcd } from './etcd.ts'
import { clients, measure, middle, type Put, type Round } from './load.ts'
import type { BenchOptions } from './main.ts'

const value = { text: 'x'.repeat(256) }

export type Result = {
  readonly name: string
  readonly clients: number
  readonly rounds: number
  readonly store: Round
  readonly etcd: Round & { readonly spoken: string }
  readonly ratio: number
}

export const bench = {
  name: 'store',
  summary: 'durable commits per second at the store port, beside etcd puts on the same disk',
  run,
}

async function run(options: BenchOptions): Promise<Result> {
  const folder = mkdtempSync(join(options.folder, 'decant-bench-'))
  const etcd = await startEtcd(join(folder, 'etcd'), value)
  const store = await openSqliteStore({ folder: join(folder, 'store') })
  const commit: Put = (id) => store.commit([{ op: 'put', kind: 'bench', id, value }])
  try {
    const ours: Round[] = []
    const theirs: Round[] = []
    await measure(commit, 0.5)
    await measure(etcd.put, 0.5)
    for (let round = 0; round < options.rounds; round++) {
      ours.push(await measure(commit, options.seconds))
      theirs.push(await measure(etcd.put, options.seconds))
    }
    const [mine, other] = [middle(ours), { ...middle(theirs), spoken: 'JSON gateway over HTTP keep-alive' }]
    const ratio = Number((mine.perSecond / other.perSecond).toFixed(2))
    return { name: 'store', clients, rounds: options.rounds, store: mine, etcd: other, ratio }
  } finally {
    await store.close()
    await etcd.stop()
    rmSync(folder, { recursive: true })
  }
}
