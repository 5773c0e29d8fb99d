import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { backupSqlite, restoreSqlite } from './backup.ts'
import { checkSqlite } from './check.ts'
import { openSqliteStore } from './store.ts'
import type { Change, Store } from '../port.ts'

const put = (id: string, value: number): Change => ({ op: 'put', kind: 'k', id, value })

async function inFolder(use: (folder: string) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-backup-'))
  await use(folder).finally(() => rmSync(folder, { recursive: true }))
}

const valuesOf = async (store: Store) =>
  (await store.snapshot()).entries.map(({ id, value }) => [id, value]).toSorted()

test('a backup taken under load is one moment of the store, and restoring it gives that moment back', () =>
  inFolder(async (folder) => {
    const [data, backup] = [join(folder, 'data'), join(folder, 'backup')]
    const store = await openSqliteStore({ folder: data })
    const stopping = new AbortController()
    // Two entries that every commit keeps equal: a torn copy would show them apart.
    const load = (async () => {
      for (let n = 1; !stopping.signal.aborted; n++)
        await store.commit([put('a', n), put('b', n), put(`n${n % 50}`, n)])
    })()
    while ((await store.revision()) < 200) await store.get('k', 'a')
    const report = backupSqlite(data, backup)
    stopping.abort()
    await load
    assert.ok(report.whole && report.revision >= 200, JSON.stringify(report))
    assert.equal(statSync(backup).mode & 0o777, 0o600)
    const last = await store.revision()
    await store.close()

    const { kept } = restoreSqlite(backup, data)
    const again = await openSqliteStore({ folder: data })
    const values = new Map((await again.snapshot()).entries.map(({ id, value }) => [id, value]))
    assert.equal(values.get('a'), report.revision)
    assert.equal(values.get('b'), report.revision)
    assert.ok((await again.revision()) > last, 'revisions never go back')
    const resumed = again.watch(last, new AbortController().signal)[Symbol.asyncIterator]()
    await assert.rejects(resumed.next(), { code: 'store/compacted' })
    await again.commit([put('a', 0)])
    await again.close()
    assert.equal(checkSqlite(data).why, '')
    assert.equal(checkSqlite(kept ?? '').revision, last)
  }))

test('a backup overwrites nothing and leaves nothing half done', () =>
  inFolder(async (folder) => {
    assert.throws(() => backupSqlite(folder, join(folder, 'b')), { code: 'store/no-file' })
    await (await openSqliteStore({ folder })).close()
    writeFileSync(join(folder, 'b'), 'mine')
    assert.throws(() => backupSqlite(folder, join(folder, 'b')), { code: 'store/file-exists' })
    assert.throws(() => backupSqlite(folder, join(folder, 'no', 'such', 'folder')), { code: 'store/failing' })
    backupSqlite(folder, join(folder, 'c'))
    assert.ok(!existsSync(join(folder, 'c.part')))
  }))

test('a restore refuses while Decant runs, and refuses a damaged or foreign file; the store stays as it was', () =>
  inFolder(async (folder) => {
    const [data, backup] = [join(folder, 'data'), join(folder, 'backup')]
    const store = await openSqliteStore({ folder: data })
    await store.commit([put('a', 1)])
    backupSqlite(data, backup)
    assert.throws(() => restoreSqlite(backup, data), { code: 'store/locked' })
    await store.commit([put('a', 2)])
    await store.close()
    writeFileSync(join(folder, 'text'), 'x'.repeat(10_000))
    assert.throws(() => restoreSqlite(join(folder, 'text'), data), { code: 'store/corrupt' })
    assert.throws(() => restoreSqlite(join(folder, 'none'), data), { code: 'store/no-file' })
    using other = new DatabaseSync(join(folder, 'other'))
    other.exec('CREATE TABLE t (x)')
    assert.throws(() => restoreSqlite(join(folder, 'other'), data), { code: 'store/corrupt' })
    truncateSync(backup, statSync(backup).size - 4096)
    assert.throws(() => restoreSqlite(backup, data), { code: 'store/corrupt' })
    const again = await openSqliteStore({ folder: data })
    assert.deepEqual(await valuesOf(again), [['a', 2]])
    await again.close()
    assert.ok(!existsSync(join(data, 'store.db.part')))
  }))

test('a restore replaces a store that is beyond reading, and keeps it aside', () =>
  inFolder(async (folder) => {
    const [data, backup] = [join(folder, 'data'), join(folder, 'backup')]
    const store = await openSqliteStore({ folder: data })
    await store.commit([put('a', 1)])
    backupSqlite(data, backup)
    await store.close()
    writeFileSync(join(data, 'store.db'), 'rubbish'.repeat(2_000))
    writeFileSync(join(data, 'store.db-wal'), 'old log')
    await assert.rejects(openSqliteStore({ folder: data }), { code: 'store/corrupt' })
    const { kept } = restoreSqlite(backup, data)
    assert.ok(kept !== null && existsSync(kept))
    const again = await openSqliteStore({ folder: data })
    assert.deepEqual(await valuesOf(again), [['a', 1]])
    await again.close()
    assert.deepEqual(restoreSqlite(backup, join(folder, 'new')).kept, null)
  }))
