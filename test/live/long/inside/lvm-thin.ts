/** Runs as root inside a guest that has device-mapper and an empty disk: the contract of datastores on a real thin pool. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { blockBytes, obeysLayersContract, snap, tower } from '#drivers/datastore/contract-layers.ts'
import { obeysDatastoreContract } from '#drivers/datastore/contract.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import { openThin } from '#drivers/datastore/lvm-thin/thin.ts'
import type { Datastore, DiskChain } from '#drivers/datastore/port.ts'
import { nodesOf } from '#drivers/ground/bench.ts'

const group = 'decanttest'
const disk = process.env['DECANT_TEST_DISK'] ?? '/dev/vdc'
const never = new AbortController().signal
const mebibyte = 2 ** 20

const run = (program: string, ...argv: string[]) =>
  execFileSync(program, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

before(() => {
  run('pvcreate', '--yes', disk)
  run('vgcreate', '--physicalextentsize', '1m', group, disk)
  run('lvcreate', '--yes', '--type', 'thin-pool', '--extents', '90%FREE', '--name', 'pool', group)
})
after(() => run('vgremove', '--yes', '--force', group))

const pieces = () =>
  run('lvs', '--noheadings', '-o', 'lv_name', group)
    .split('\n')
    .map((line) => line.trim())
    .filter((name) => name.startsWith('decant-'))

function place(_t: TestContext) {
  const [id, folder] = [randomUUID(), mkdtempSync(join(tmpdir(), 'decant-thin-'))]
  const open = async (): Promise<Datastore> => {
    const files = await openDirectory({ name: 'thin', folder: join(folder, 'files') })
    const opened = await openThin({ id, name: 'thin', source: `${group}/pool`, folder, files })
    assert.ok('datastore' in opened, JSON.stringify(opened))
    return opened.datastore
  }
  return { folder, open }
}

obeysDatastoreContract('lvm-thin', async (t) => {
  const { open } = place(t)
  return {
    datastore: await open(),
    reopen: open,
    clonesStandAlone: true,
    fill: async (draft) => {
      writeFileSync(join(draft, 'disk.raw'), Buffer.alloc(mebibyte, 'base'))
      for (const name of ['kernel', 'initrd']) writeFileSync(join(draft, name), name)
    },
    dispose: async () => undefined,
  }
})

const named = (chain: DiskChain, isReadOnly: boolean) =>
  `json:${JSON.stringify(nodesOf(chain, { isReadOnly, secret: () => 'k0' }))}`

const io = (chain: DiskChain, isReadOnly: boolean, ...commands: string[]) =>
  run(
    'qemu-io',
    ...(isReadOnly ? ['-r'] : []),
    ...commands.flatMap((each) => ['-c', each]),
    named(chain, isReadOnly),
  )

const write = async (chain: DiskChain, block: number, value: number) =>
  void io(chain, false, `write -P ${value} ${block * blockBytes} ${blockBytes}`)

const read = async (chain: DiskChain, blocks: number) => {
  const each = Array.from({ length: blocks }, (_, at) => `read -v ${at * blockBytes} 16`)
  return io(chain, true, ...each)
    .split('\n')
    .flatMap((line) => {
      const [, first] = /^[0-9a-f]{8}:\s+([0-9a-f]{2})/.exec(line) ?? []
      return first === undefined ? [] : [Number.parseInt(first, 16)]
    })
}

obeysLayersContract('lvm-thin', async (t) => {
  const { open } = place(t)
  return {
    datastore: await open(),
    reopen: open,
    clonesStandAlone: true,
    write,
    read,
    keep: async (file) => writeFileSync(file, 'memory'),
    has: async (file) => existsSync(file),
    dispose: async () => undefined,
  }
})

test('I-32 a new volume shows nothing of one that was removed', async (t) => {
  const datastore = await place(t).open()
  for (const value of [165, 0]) {
    const volume = randomUUID()
    await datastore.create(volume, { format: 'raw', sizeBytes: 64 * mebibyte, image: null }, never)
    const chain = await datastore.open(volume, null)
    assert.equal(run('cmp', '--bytes', String(64 * mebibyte), chain.file, '/dev/zero'), '')
    if (value > 0) io(chain, false, `write -P ${value} 0 64M`)
    await datastore.remove(volume, never)
  }
})

test('a guest owns its device, others only read the layers beneath; room is told', async (t) => {
  const datastore = await place(t).open()
  const volume = randomUUID()
  await datastore.create(volume, { format: 'raw', sizeBytes: 8 * mebibyte, image: null }, never)
  await snap(datastore, volume, randomUUID())
  const chain = await datastore.open(volume, 65_534)
  const [top, layer] = [statSync(chain.file), statSync(chain.backing[0]?.file ?? '')]
  assert.deepEqual([top.uid, top.mode & 0o777, top.isBlockDevice()], [65_534, 0o600, true])
  assert.deepEqual([layer.uid, layer.mode & 0o777], [0, 0o444])
  const room = await datastore.look()
  assert.ok(room.capacityBytes > 100 * mebibyte && room.freeBytes < room.capacityBytes)
})

test('an encrypted volume is LUKS within qcow2, and its layers too', async (t) => {
  const datastore = await place(t).open()
  const volume = randomUUID()
  const keys = { [volume]: 'x'.repeat(32) }
  const wish = { format: 'qcow2', sizeBytes: 8 * mebibyte, image: null, key: volume, keys } as const
  await datastore.create(volume, wish, never)
  await datastore.grow(volume, 16 * mebibyte, never, keys)
  const snapshot = randomUUID()
  await datastore.prepareTop(volume, { snapshot, ownerUid: null, key: volume, keys }, never)
  await datastore.raiseTop(volume, snapshot)
  const chain = await datastore.open(volume, null)
  assert.deepEqual([chain.key, chain.backing[0]?.key], [volume, volume])
  assert.equal((await datastore.observe(volume)).sizeBytes, 16 * mebibyte)
  assert.equal(readFileSync(chain.file).readUInt32BE(32), 2)
})

test('I-20 killed at any moment, pieces that nobody names go at the next start, and none that is named', async (t) => {
  const { folder, open } = place(t)
  const datastore = await open()
  const { volume } = await tower({ datastore, write } as never, [1, 2])
  const before = pieces().length
  const id = readFileSync(join(folder, 'volumes', `${volume}.json`), 'utf8')
  const [piece = ''] = Object.values((JSON.parse(id) as { pieces: Record<string, string> }).pieces)
  const tags = run('lvs', '--noheadings', '-o', 'lv_tags', `${group}/decant-${piece}`)
  const mine = /decant\.store=[0-9a-f-]{36}/.exec(tags)?.[0] ?? ''
  // As after a crash between making and naming, and between naming and settling.
  for (const tag of [['--addtag', 'decant.passing'], []])
    run(
      'lvcreate',
      '--yes',
      '--type',
      'thin',
      '--thinpool',
      'pool',
      '-V',
      '4m',
      '--name',
      `decant-${randomUUID()}`,
      '--addtag',
      'decant',
      '--addtag',
      mine,
      ...tag,
      group,
    )
  run('lvchange', '--addtag', 'decant.passing', `${group}/decant-${piece}`)
  const again = await open()
  assert.equal(pieces().length, before + 1)
  assert.deepEqual(await again.volumes(), [volume])
  assert.equal((await read(await again.open(volume, null), 2))[1], 2)
  const settled = run('lvs', '--noheadings', '-o', 'lv_tags', `${group}/decant-${piece}`)
  assert.equal(settled.includes('decant.passing'), false)
})

test('figures: making, cloning and removing', async (t) => {
  const datastore = await place(t).open()
  const image = randomUUID()
  const draft = await datastore.draft(image)
  writeFileSync(join(draft, 'disk.raw'), Buffer.alloc(64 * mebibyte, 'base'))
  const facts = { virtualBytes: 64 * mebibyte, sha256: 'a'.repeat(64), format: 'raw', boot: 'disk' } as const
  await datastore.seal(image, { ...facts, commandLine: '', architecture: 'any' })
  const timed = async (what: string, work: () => Promise<unknown>) => {
    const from = performance.now()
    await work()
    t.diagnostic(`${what}: ${Math.round(performance.now() - from)} ms`)
  }
  const volumes = Array.from({ length: 10 }, () => randomUUID())
  const clone = (volume: string) =>
    datastore.create(volume, { format: 'qcow2', sizeBytes: null, image }, never)
  await timed('first clone of an image of 64 MiB', () => clone(volumes[0] ?? ''))
  await timed('nine further clones', async () => {
    for (const volume of volumes.slice(1)) await clone(volume)
  })
  await timed('ten removed', async () => {
    for (const volume of volumes) await datastore.remove(volume, never)
  })
})
