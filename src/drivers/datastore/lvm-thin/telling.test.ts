import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FakeDatastore, newFakeDisk } from '#drivers/datastore/fake/datastore.ts'
import { Lvm, type RunLvm } from './lvm.ts'
import { leftovers, nameOf, piecesIn, poolIn, poolOf, roomFor, tagsOf } from './telling.ts'
import { openThin } from './thin.ts'

const [store, other] = [randomUUID(), randomUUID()]
const pool = { group: 'vg', pool: 'thin' }

/** A row as `lvs --reportformat json` of LVM 2.03.16 writes it. */
const row = (name: string, tags: readonly string[], more: object = {}) => ({
  lv_name: name,
  lv_size: '8388608',
  data_percent: '12.50',
  lv_tags: tags.join(','),
  lv_kernel_major: '253',
  lv_kernel_minor: '4',
  pool_lv: 'thin',
  ...more,
})
const told = (...rows: object[]) => JSON.stringify({ report: [{ lv: rows }] })

test('I-23 only pieces with our name, our tag, our store and our pool are ours', () => {
  const id = randomUUID()
  const ours = tagsOf(store, { volume: randomUUID() })
  const said = told(
    row(nameOf(id), ours),
    row('root', ours),
    row(`${nameOf(id)}x`, ours),
    row(nameOf(randomUUID()), tagsOf(other, {})),
    row(nameOf(randomUUID()), ours.slice(1)),
    row(nameOf(randomUUID()), ours, { pool_lv: 'another' }),
    row(nameOf(randomUUID()), [], { lv_tags: null }),
  )
  assert.deepEqual(piecesIn(said, pool, store), [
    {
      id,
      sizeBytes: 8_388_608,
      storedBytes: 1_048_576,
      image: null,
      isPassing: true,
      device: { major: 253, minor: 4 },
    },
  ])
})

test('what is not what LVM says is nothing', () => {
  for (const said of ['', 'null', '[]', '{"report":[]}', '{"report":[{"lv":{}}]}', '{"report":[null]}', 'x'])
    assert.deepEqual([piecesIn(said, pool, store), poolIn(said)], [[], undefined])
  const [piece] = piecesIn(
    told(row(nameOf(randomUUID()), tagsOf(store, {}), { lv_kernel_major: '-1', lv_size: '1e9' })),
    pool,
    store,
  )
  assert.deepEqual([piece?.device, piece?.sizeBytes], [null, 0])
})

test('a source is a group and a pool, and nothing that LVM would take for an option', () => {
  assert.deepEqual(poolOf('vg0/thin.pool-1'), { group: 'vg0', pool: 'thin.pool-1' })
  for (const odd of ['', 'vg', 'vg/', '/pool', '-vg/pool', 'vg/-p', 'a/b/c', '../x', './x', 'v g/p', 'vg/..'])
    assert.equal(poolOf(odd), undefined, odd)
})

test('I-20 of what was on its way, what a record names is kept, all else goes, what is settled stays', () => {
  const [made, gone, settled] = [randomUUID(), randomUUID(), randomUUID()]
  const piece = { sizeBytes: 1, storedBytes: 0, image: null, device: null }
  const pieces = [
    { ...piece, id: made, isPassing: true },
    { ...piece, id: gone, isPassing: true },
    { ...piece, id: settled, isPassing: false },
  ]
  assert.deepEqual(leftovers(pieces, new Set([made])), { keep: [made], remove: [gone] })
})

test('a qcow2 file has room for its tables and for growth', () => {
  for (const sizeBytes of [65_536, 2 ** 30, 2 ** 40]) assert.ok(roomFor(sizeBytes) > sizeBytes * 1.1)
})

/** Answers as LVM would, and keeps what it was asked. */
function scripted(answers: Partial<Record<string, string>>) {
  const asked: string[][] = []
  const run: RunLvm = async (program, argv) => {
    asked.push([program, ...argv])
    return argv.includes('vg') ? (answers['pieces'] ?? told()) : (answers['pool'] ?? told())
  }
  return { asked, lvm: new Lvm(pool, store, run) }
}

const poolRow = (more: object = {}) =>
  told({
    lv_size: '1000',
    data_percent: '25.00',
    metadata_percent: '3.1',
    zero: 'zero',
    segtype: 'thin-pool',
    ...more,
  })

test('a pool that is none, that does not zero (I-32), or whose metadata is nearly full is not used', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-thin-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const open = async (said: string) => {
    const { lvm } = scripted({ pool: said })
    const files = new FakeDatastore(newFakeDisk())
    return await openThin({ id: store, name: 'thin', source: 'vg/thin', folder, files, lvm })
  }
  const code = async (said: string) => {
    const opened = await open(said)
    return 'code' in opened ? opened.code : 'usable'
  }
  assert.equal(await code(poolRow()), 'usable')
  assert.equal(await code(poolRow({ zero: '' })), 'datastore/no-zeroing')
  assert.equal(await code(poolRow({ segtype: 'linear' })), 'datastore/no-pool')
  assert.equal(await code(told()), 'datastore/no-pool')
  assert.equal(await code(poolRow({ metadata_percent: '97.2' })), 'datastore/metadata-filling')
  const opened = await open(poolRow())
  assert.ok('datastore' in opened)
  const { capacityBytes, freeBytes } = await opened.datastore.look()
  assert.deepEqual([capacityBytes, freeBytes], [1000, 750])
})

test('commands name ids only, after the end of options', async () => {
  const { asked, lvm } = scripted({})
  const [id, volume] = [randomUUID(), randomUUID()]
  await lvm.create(id, 4096, { volume })
  await lvm.snapshot(randomUUID(), id, { image: volume })
  await lvm.remove(id)
  for (const argv of asked) {
    const operands = argv.slice(argv.indexOf('--') + 1)
    assert.equal(operands.length, 1)
    assert.match(operands[0] ?? '', /^vg(\/decant-[0-9a-f-]{36})?$/)
  }
  assert.ok(asked[0]?.includes('4096b') && asked[0].includes(`decant.volume=${volume}`))
})
