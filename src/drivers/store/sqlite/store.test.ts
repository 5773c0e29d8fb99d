import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Json } from '#base/json.ts'
import { randomFrom, wholeFrom } from '#base/random.ts'
import { Problem } from '#model/problem.ts'
import { mustBeSafeVersion, mustRead, upgrade, valueOf } from '../../ground/sqlite.ts'
import { obeysStoreContract } from '../contract.ts'
import type { Change, Entry, Store } from '../port.ts'
import { checkSqlite, digestOf } from './check.ts'
import { storeSchema } from './schema.ts'
import { openSqliteStore } from './store.ts'
import { Tables } from './tables.ts'

obeysStoreContract('sqlite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-store-'))
  let store = await openSqliteStore({ folder })
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await openSqliteStore({ folder })
      return store
    },
    dispose: async () => {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
})

const put = (id: string, value: Json): Change => ({ op: 'put', kind: 'k', id, value })

async function inFolder(use: (folder: string) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-store-'))
  await use(folder).finally(() => rmSync(folder, { recursive: true }))
}

/** Edits the file of a closed store behind its back. */
function edit(folder: string, sql: string) {
  using db = new DatabaseSync(join(folder, 'store.db'))
  db.exec(sql)
}

const opening = (folder: string) => openSqliteStore({ folder })

test('files are for their owner only, also the log, whatever the mask', () =>
  inFolder(async (folder) => {
    const before = process.umask(0)
    const data = join(folder, 'data')
    const store = await openSqliteStore({ folder: data })
    await store.commit([put('a', 1)])
    process.umask(before)
    assert.equal(statSync(data).mode & 0o777, 0o700)
    for (const name of readdirSync(data)) assert.equal(statSync(join(data, name)).mode & 0o777, 0o600, name)
    await store.close()
  }))

test('a second store on the same folder is refused with the pid of the first', () =>
  inFolder(async (folder) => {
    const store = await opening(folder)
    await assert.rejects(opening(folder), { code: 'store/locked' })
    const code = `import { openSqliteStore } from '${new URL('./store.ts', import.meta.url).href}'
      openSqliteStore({ folder: ${JSON.stringify(folder)} }).catch((e) => console.log(e.code, e.facts.pid ?? e.message))`
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
    assert.equal(said.trim(), `store/locked ${process.pid}`)
    await store.commit([put('a', 1)])
    await store.close()
    await (await opening(folder)).close()
  }))

test('a newer schema is refused and left alone; a file of another kind as well (I-18)', () =>
  inFolder(async (folder) => {
    await (await opening(folder)).close()
    edit(folder, 'PRAGMA user_version = 99')
    await assert.rejects(opening(folder), { code: 'store/newer', facts: { found: 99, known: 1 } })
    edit(folder, 'PRAGMA user_version = 1; PRAGMA application_id = 7')
    await assert.rejects(opening(folder), { code: 'store/corrupt' })
    edit(folder, `PRAGMA application_id = ${storeSchema.applicationId}`)
    await (await opening(folder)).close()
  }))

test('an upgrade is made whole or not at all (I-18)', () => {
  using db = new DatabaseSync(':memory:')
  upgrade(db, { applicationId: 5, steps: ['CREATE TABLE a (x)'] })
  const broken = { applicationId: 5, steps: ['', 'CREATE TABLE b (x)', 'CREATE TABLE a (x)'] }
  assert.throws(() => upgrade(db, broken), /already exists/)
  assert.equal(valueOf(db, 'PRAGMA user_version'), 1)
  assert.equal(valueOf(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0)
  upgrade(db, { applicationId: 5, steps: ['', 'CREATE TABLE b (x)', 'INSERT INTO b VALUES (1)'] })
  assert.equal(valueOf(db, 'PRAGMA user_version'), 3)
  assert.equal(valueOf(db, 'SELECT count(*) FROM b'), 1)
})

test('a library with the WAL-reset bug and a setting that did not take are refused', () => {
  for (const version of ['3.51.2', '3.50.9', '2.99.99', '3.9.0'])
    assert.throws(() => mustBeSafeVersion(version), { code: 'store/unsafe' }, version)
  for (const version of ['3.51.3', '3.51.10', '3.52.0', '4.0.0']) mustBeSafeVersion(version)
  using db = new DatabaseSync(':memory:')
  db.exec('PRAGMA synchronous = NORMAL')
  assert.throws(() => mustRead(db, 'synchronous', 2), { code: 'store/unsafe' })
})

test('a row that was changed, lost or is out of date is found at the door, never served (I-16)', async () => {
  const damages = [
    [`UPDATE entry SET value = '"other"' WHERE id = 'a'`, 'get'],
    [`UPDATE entry SET revision = revision - 1 WHERE id = 'a'`, 'get'],
    [`UPDATE claim SET holder = 'y'`, 'claims'],
    [`UPDATE history SET changes = replace(changes, 'one', 'two')`, 'watch'],
    [`DELETE FROM entry WHERE id = 'a'`, 'open'],
    [`DELETE FROM claim`, 'open'],
    [
      `DELETE FROM entry WHERE id = 'b'; INSERT INTO entry SELECT 9, kind, 'b', 1, value, sum FROM entry`,
      'get',
    ],
  ] as const
  for (const [sql, where] of damages)
    await inFolder(async (folder) => {
      await damaged(folder, sql, where)
    })
})

async function damaged(folder: string, sql: string, where: 'get' | 'claims' | 'watch' | 'open') {
  const before = await opening(folder)
  await before.commit([put('a', 'one'), put('b', 'one'), { op: 'claim', claim: 'c', holder: 'x' }])
  await before.close()
  assert.equal(checkSqlite(folder).whole, true)
  edit(folder, sql)
  assert.equal(checkSqlite(folder).whole, false, sql)
  const corrupt = { code: 'store/corrupt' }
  if (where === 'open') return assert.rejects(opening(folder), corrupt, sql)
  const store = await opening(folder).catch((error: unknown) => error)
  if (store instanceof Problem) return assert.equal(store.code, 'store/corrupt')
  const open = store as Store
  const watch = open.watch(0, new AbortController().signal)[Symbol.asyncIterator]()
  const reads = { get: () => open.snapshot(), claims: () => open.claims(''), watch: () => watch.next() }
  await assert.rejects(async () => reads[where](), corrupt, sql)
  await open.close()
}

test('flipped bytes anywhere in the file are never served as truth (I-16)', () =>
  inFolder(async (folder) => {
    const store = await opening(folder)
    const texts = Array.from({ length: 100 }, (_, n) => `${n}-`.repeat(200))
    for (const [n, text] of texts.entries()) await store.commit([put(`n${n}`, text)])
    await store.close()
    const file = join(folder, 'store.db')
    const whole = readFileSync(file)
    const random = randomFrom(16)
    let found = 0
    for (let round = 0; round < 40; round++) {
      const broken = Buffer.from(whole)
      const at = wholeFrom(random, broken.length - 64)
      for (let n = 0; n < 64; n++) broken[at + n] = wholeFrom(random, 256)
      writeFileSync(file, broken)
      const seen = await valuesOrProblem(folder)
      if (seen instanceof Problem) found += 1
      else assert.deepEqual(seen, texts)
    }
    assert.ok(found > 10, `${found} of 40 damages were found; the others did not touch what is read`)
  }))

async function valuesOrProblem(folder: string): Promise<unknown> {
  const store = await opening(folder).catch((error: unknown) => error)
  if (store instanceof Error) return store
  const open = store as Store
  const values = await open.snapshot().then(
    ({ entries }) => byNumber(entries).map(({ value }) => value),
    (error: unknown) => error,
  )
  await open.close()
  return values
}

const byNumber = (entries: readonly Entry[]) =>
  entries.toSorted((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)))

test('history is pruned as commits come, by number and by bytes (I-48)', () => {
  using db = new DatabaseSync(':memory:')
  upgrade(db, storeSchema)
  const tables = new Tables(db, { size: 100, bytes: 20_000 })
  const write = (id: string, text: string) => tables.commit([[{ op: 'put', kind: 'k', id, text }]])
  for (let n = 0; n < 500; n++) write('a', '1')
  assert.equal(valueOf(db, 'SELECT count(*) FROM history'), 100)
  assert.throws(() => tables.history(399), { code: 'store/compacted' })
  assert.equal(tables.history(400).length, 100)
  for (let n = 0; n < 50; n++) write('b', JSON.stringify('x'.repeat(1_000)))
  const bytes = Number(valueOf(db, 'SELECT sum(bytes) FROM history'))
  assert.ok(bytes <= 20_000 && bytes > 15_000, String(bytes))
  assert.equal(tables.state.bytes, bytes)
  assert.equal(tables.state.size, valueOf(db, 'SELECT sum(size) FROM history'))
  assert.equal(tables.state.digest, digestOf(db))
})

test('a reader far behind gets its history from the disk, then goes on live (I-17)', () =>
  inFolder(async (folder) => {
    const store = await opening(folder)
    for (let n = 0; n < 10; n++)
      await Promise.all(Array.from({ length: 200 }, (_, at) => store.commit([put(`n${at}`, n)])))
    const seen: number[] = []
    const done = new AbortController()
    for await (const { revision } of store.watch(0, done.signal)) {
      seen.push(revision)
      if (revision === 2_000) await store.commit([put('last', 1)])
      if (revision === 2_001) done.abort()
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 2_001 }, (_, n) => n + 1),
    )
    await store.close()
  }))

test('a writer beside the store that knows no lock is noticed, and nothing is acknowledged over it', () =>
  inFolder(async (folder) => {
    const store = await opening(folder)
    await store.commit([put('a', 1)])
    edit(folder, 'UPDATE state SET revision = 50')
    await assert.rejects(store.commit([put('a', 2)]), { code: 'store/failing' })
    assert.equal(store.health().state, 'failing')
    assert.equal((await store.get('k', 'a'))?.value, 1)
    await store.close()
  }))
