/** Full and failing disks under the store (I-15). */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Problem } from '../../src/model/problem.ts'
import { checkSqlite } from '../../src/drivers/store/sqlite/check.ts'
import { openSqliteLedger } from '../../src/drivers/ledger/sqlite/ledger.ts'
import { openSqliteStore } from '../../src/drivers/store/sqlite/store.ts'
import type { Store } from '../../src/drivers/store/port.ts'
import { newDisk, openLab } from './store-lab.ts'

const put = (store: Store, n: number) =>
  store.commit([{ op: 'put', kind: 'n', id: `${n}`, value: 'x'.repeat(20_000) }])

/** Commits one after the other until one is refused. */
async function untilRefused(store: Store, from: number): Promise<{ last: number; problem: unknown }> {
  for (let n = from; ; n++) {
    const problem = await put(store, n).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (problem !== undefined) return { last: n - 1, problem }
    assert.ok(n < from + 5_000, 'the disk never fills')
  }
}

async function recovered(store: Store) {
  const deadline = performance.now() + 10_000
  while (store.health().state !== 'ok') {
    assert.ok(performance.now() < deadline, JSON.stringify(store.health()))
    await sleep(50)
  }
}

test('a full disk refuses clearly, reads go on, and it recovers by itself when there is room (I-15)', async (t) => {
  const lab = openLab()
  if (lab === undefined) return t.diagnostic('needs root and mounts: not run')
  const at = join(lab.folder, 'small')
  lab.mountTmpfs(at, '6m')
  writeFileSync(join(at, 'filler'), Buffer.alloc(2 ** 20))
  const store = await openSqliteStore({ folder: join(at, 'data') })
  try {
    const { last, problem } = await untilRefused(store, 1)
    assert.ok(problem instanceof Problem && problem.code === 'store/full', String(problem))
    assert.equal(store.health().state, 'full')
    assert.ok((await store.get('n', `${last}`)) !== undefined)
    assert.equal(await store.get('n', `${last + 1}`), undefined)
    assert.equal((await store.snapshot()).revision, last)
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => put(store, last + 2 + n)))
    assert.ok(outcomes.some(({ status }) => status === 'rejected'))
    const before = await store.revision()

    rmSync(join(at, 'filler'))
    await recovered(store)
    const { revision } = await put(store, 9_999)
    assert.equal(revision, before + 1)
    const seen: number[] = []
    const done = new AbortController()
    for await (const commit of store.watch(0, done.signal)) {
      seen.push(commit.revision)
      if (commit.revision === revision) done.abort()
    }
    assert.equal(seen.length, revision)
    await store.close()
    assert.equal(checkSqlite(join(at, 'data')).why, '')
  } finally {
    await store.close()
    lab.close()
  }
})

test('a full disk refuses the ledger clearly, too, and it goes on when there is room (I-15, I-41)', async (t) => {
  const lab = openLab()
  if (lab === undefined) return t.diagnostic('needs root and mounts: not run')
  const at = join(lab.folder, 'small')
  lab.mountTmpfs(at, '2m')
  const ledger = await openSqliteLedger({ folder: join(at, 'data') })
  const event = (id: string) => ({
    id,
    atMs: 0,
    type: 'a.b',
    kind: 'k',
    project: null,
    name: 'n',
    objectId: 'o',
    facts: {},
    text: 'x'.repeat(5_000),
  })
  try {
    await ledger.event([event('first')])
    writeFileSync(join(at, 'filler'), Buffer.alloc(2 ** 20))
    const fill = async () => {
      for (let n = 0; n < 1_000; n++) await ledger.event([event(`e${n}`)])
    }
    await assert.rejects(fill(), { code: 'store/full' })
    assert.equal((await ledger.events({ limit: 1 })).length, 1)
    rmSync(join(at, 'filler'))
    await ledger.event([event('last')])
    assert.equal((await ledger.events({ limit: 1 }))[0]?.id, 'last')
  } finally {
    await ledger.close()
    lab.close()
  }
})

test('a disk that turned read-only refuses clearly, reads go on; what was acknowledged is there afterwards (I-15)', async (t) => {
  const lab = openLab()
  if (lab === undefined) return t.diagnostic('needs root and loop mounts: not run')
  const image = newDisk(lab.folder, 'failing')
  const at = join(lab.folder, 'failing')
  lab.mount(image, at)
  const store = await openSqliteStore({ folder: join(at, 'data') })
  try {
    for (let n = 0; n < 20; n++) await put(store, n)
    // What ext4 does by itself after an error of the disk beneath it (ext4(5), errors=remount-ro).
    execFileSync('mount', ['-o', 'remount,abort', at], { stdio: 'pipe' })
    const { last, problem } = await untilRefused(store, 20)
    assert.ok(problem instanceof Problem && problem.code === 'store/failing', String(problem))
    assert.equal(store.health().state, 'failing')
    assert.equal((await store.snapshot()).entries.length, last + 1)
    await store.close()
    lab.unmount(at)
    lab.mount(image, at)
    const again = await openSqliteStore({ folder: join(at, 'data') })
    assert.ok((await again.snapshot()).entries.length >= last + 1)
    await put(again, 100)
    await again.close()
    assert.equal(checkSqlite(join(at, 'data')).why, '')
  } finally {
    await store.close().catch(() => undefined)
    lab.close()
  }
})
