import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { FakeDatastore, newFakeDisk } from '#drivers/datastore/fake/datastore.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import { channelOf, obeysImageContract } from '#drivers/image/contract.ts'
import { image as imageKind } from '#kinds/image/schema.ts'
import { Problem } from '#model/problem.ts'
import { openImageMaker } from './maker.ts'

const never = new AbortController().signal
const quiet = () => undefined
const wishOf = (spec: object = {}, bytes: number | null = null) => ({
  offset: 0,
  bytes,
  total: bytes,
  spec: imageKind.spec.parse(spec),
})
const mebibyte = 1024 * 1024

function temporary(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-image-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const qemuImg = (...argv: string[]) => execFileSync('qemu-img', argv, { encoding: 'utf8' })

async function rig(t: TestContext) {
  const folder = temporary(t)
  const into = await openDirectory({ folder: join(folder, 'store') })
  const maker = await openImageMaker({ cacheFolder: join(folder, 'cache') })
  return { folder, into, maker }
}

async function send(
  { into, maker }: Awaited<ReturnType<typeof rig>>,
  content: Uint8Array,
  format: 'auto' | 'qcow2' | 'raw' = 'auto',
) {
  const image = randomUUID()
  await maker.receive(image, into, channelOf([content]), wishOf({ format }), quiet, never)
  return image
}

function qcow2Of(folder: string, content: Uint8Array, ...options: string[]) {
  const raw = join(folder, 'source.raw')
  const made = join(folder, 'source.qcow2')
  writeFileSync(raw, content)
  qemuImg('convert', '-f', 'raw', '-O', 'qcow2', ...options, raw, made)
  return made
}

const hostile = Buffer.concat([Buffer.from('KDMV'), Buffer.alloc(1020)])

obeysImageContract('debian', async (t) => ({
  ...(await rig(t)),
  plain: Buffer.alloc(4096, 7),
  hostile,
  dispose: async () => undefined,
}))

test('a qcow2 content is rewritten clean: same disk, no snapshots, no leftovers in the store', async (t) => {
  const made = await rig(t)
  const disk = Buffer.concat([randomBytes(mebibyte), Buffer.alloc(3 * mebibyte)])
  for (const options of [
    [],
    ['-c'],
    ['-o', 'compression_type=zstd', '-c'],
    ['-o', 'compat=0.10'],
    ['-o', 'extended_l2=on'],
  ]) {
    const file = qcow2Of(made.folder, disk, ...options)
    qemuImg('snapshot', '-c', 'before', file)
    const content = readFileSync(file)
    const image = await send(made, content)
    const sight = await made.into.observeImage(image)
    assert.deepEqual([sight.format, sight.virtualBytes], ['qcow2', disk.length])
    assert.equal(sight.sha256, createHash('sha256').update(content).digest('hex'))
    const files = await made.into.imageFiles(image)
    const info = JSON.parse(qemuImg('info', '--output=json', '-f', 'qcow2', files.disk ?? ''))
    assert.equal(info.snapshots, undefined)
    const raw = join(made.folder, 'out.raw')
    qemuImg('convert', '-f', 'qcow2', '-O', 'raw', files.disk ?? '', raw)
    assert.ok(readFileSync(raw).equals(disk))
    assert.deepEqual(readdirSync(join(made.folder, 'store', 'images', image)).toSorted(), [
      'disk.qcow2',
      'image.json',
    ])
  }
  assert.deepEqual(readdirSync(join(made.folder, 'store', 'drafts')), [])
})

test('a raw content keeps its holes, and one that is stated raw stays raw whatever it begins with (I-30)', async (t) => {
  const made = await rig(t)
  const disk = Buffer.alloc(8 * mebibyte)
  Buffer.from('514649fb00000003', 'hex').copy(disk)
  disk.write('/etc/passwd', 512)
  const image = await send(made, disk, 'raw')
  const sight = await made.into.observeImage(image)
  assert.deepEqual([sight.format, sight.virtualBytes], ['raw', disk.length])
  assert.ok(sight.storedBytes < mebibyte)
  assert.ok(readFileSync((await made.into.imageFiles(image)).disk ?? '').equals(disk))
})

test('a raw disk whose last sector is short is filled up with zeros when it is stated raw', async (t) => {
  const made = await rig(t)
  assert.equal(
    (await made.into.observeImage(await send(made, Buffer.alloc(700, 1), 'raw'))).virtualBytes,
    1024,
  )
  await assert.rejects(send(made, Buffer.alloc(700, 1)), (error) => error instanceof Problem)
})

test('a second attempt while the first is under way is refused and does not harm it', async (t) => {
  const { into, maker } = await rig(t)
  const image = randomUUID()
  const gate = Promise.withResolvers<void>()
  const slow = channelOf(
    (async function* () {
      yield Buffer.alloc(512, 1)
      await gate.promise
      yield Buffer.alloc(512, 2)
    })(),
  )
  const wish = wishOf()
  const first = maker.receive(image, into, slow, wish, quiet, never)
  await new Promise((resolve) => setTimeout(resolve, 20))
  const second = maker.receive(image, into, channelOf([Buffer.alloc(512)]), wish, quiet, never)
  await assert.rejects(second, (error) => error instanceof Problem && error.code === 'object/refused')
  gate.resolve()
  await first
  assert.equal((await into.observeImage(image)).virtualBytes, 1024)
})

test('an upload larger than the room is refused before it begins', async (t) => {
  const folder = temporary(t)
  const maker = await openImageMaker({ cacheFolder: join(folder, 'cache') })
  const into = new FakeDatastore(newFakeDisk({ capacityBytes: mebibyte }))
  into.landing = async () => folder
  await assert.rejects(
    maker.receive(randomUUID(), into, channelOf([]), wishOf({}, 2 * mebibyte), quiet, never),
    (error) => error instanceof Problem && error.code === 'datastore/full',
  )
})

test('memory stays bounded while a large content streams', async (t) => {
  const made = await rig(t)
  const piece = Buffer.alloc(65_536)
  const before = process.memoryUsage().rss
  const image = randomUUID()
  const stream = channelOf(
    (function* () {
      for (let sent = 0; sent < 8192; sent++) yield piece
    })(),
  )
  await made.maker.receive(image, made.into, stream, wishOf({ format: 'raw' }), quiet, never)
  const grown = process.memoryUsage().rss - before
  assert.equal((await made.into.observeImage(image)).virtualBytes, 512 * mebibyte)
  assert.ok(grown < 128 * mebibyte, `grew by ${grown} bytes`)
})

test('an image that does not fit once rewritten says that the datastore is full', async (t) => {
  const folder = temporary(t)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return t.diagnostic('needs root to mount a small file system')
  }
  const source = temporary(t)
  try {
    const into = await openDirectory({ folder: join(folder, 'store') })
    const maker = await openImageMaker({ cacheFolder: join(folder, 'cache') })
    const content = readFileSync(qcow2Of(source, Buffer.alloc(64 * mebibyte, 0x41), '-c'))
    await assert.rejects(
      send({ folder, into, maker }, content),
      (error) => error instanceof Problem && error.code === 'datastore/full',
    )
    assert.deepEqual(readdirSync(join(folder, 'store', 'drafts')), [])
  } finally {
    execFileSync('umount', [folder])
  }
})
