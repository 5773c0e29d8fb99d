import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { existsSync, openSync, closeSync, writeSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { obeysDatastoreContract } from '#drivers/datastore/contract.ts'
import { Problem } from '#model/problem.ts'
import { openDirectory } from './directory.ts'

const never = new AbortController().signal
const mebibyte = 1024 * 1024

function temporary(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-datastore-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const facts = {
  virtualBytes: mebibyte,
  sha256: 'a'.repeat(64),
  format: 'raw',
  boot: 'kernel',
  commandLine: 'console=ttyS0',
  architecture: 'x86_64',
} as const

async function fill(draft: string) {
  const disk = Buffer.alloc(mebibyte)
  disk.write('base', 4096)
  writeFileSync(join(draft, 'disk.raw'), disk)
  for (const name of ['kernel', 'initrd']) writeFileSync(join(draft, name), name)
}

obeysDatastoreContract('directory', async (t) => {
  const folder = temporary(t)
  return {
    datastore: await openDirectory({ folder }),
    reopen: () => openDirectory({ folder }),
    fill,
    dispose: async () => undefined,
  }
})

async function withImage(t: TestContext) {
  const folder = temporary(t)
  const datastore = await openDirectory({ folder })
  const image = randomUUID()
  await fill(await datastore.draft(image))
  await datastore.seal(image, facts)
  return { folder, datastore, image }
}

const isFailed = (error: unknown) => error instanceof Problem && error.code === 'datastore/failed'

const qemuImg = (...argv: string[]) => execFileSync('qemu-img', argv, { encoding: 'utf8' })

test('the qcow2 files that we write are sound in the eyes of qemu-img, at every size', async (t) => {
  const { datastore, image } = await withImage(t)
  for (const sizeBytes of [mebibyte, 512 * mebibyte, 512 * mebibyte + 512, 2 ** 44, 65_536 * 2 ** 30]) {
    for (const base of [null, image]) {
      const volume = randomUUID()
      await datastore.create(volume, { format: 'qcow2', sizeBytes, image: base }, never)
      const { file } = await datastore.open(volume, null)
      assert.match(qemuImg('check', '-f', 'qcow2', file), /No errors were found/)
      const info = JSON.parse(qemuImg('info', '--output=json', '-f', 'qcow2', file))
      assert.equal(info['virtual-size'], sizeBytes)
      assert.equal(info['backing-filename-format'], base === null ? undefined : 'raw')
      assert.ok((await datastore.observe(volume)).storedBytes < 65_536)
    }
  }
})

test('a linked clone shows its image, and what is written to it stays out of the image (I-33)', async (t) => {
  const { datastore, image, folder } = await withImage(t)
  const volume = randomUUID()
  await datastore.create(volume, { format: 'qcow2', sizeBytes: 4 * mebibyte, image }, never)
  const { file } = await datastore.open(volume, null)
  const { disk } = await datastore.imageFiles(image)
  const before = readFileSync(disk ?? '')
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 0x5a 0 4096', file])
  const raw = join(folder, 'out.raw')
  qemuImg('convert', '-f', 'qcow2', '-O', 'raw', file, raw)
  const seen = readFileSync(raw)
  assert.equal(seen[0], 0x5a)
  assert.equal(seen.toString('latin1', 4096, 4100), 'base')
  assert.deepEqual(readFileSync(disk ?? ''), before)
  assert.equal(statSync(disk ?? '').mode & 0o777, 0o444)
})

test('I-32 a raw volume shows its image and zeros, whatever the image is made of', async (t) => {
  const { datastore, folder } = await withImage(t)
  const image = randomUUID()
  const draft = await datastore.draft(image)
  const source = join(folder, 'source.raw')
  writeFileSync(source, Buffer.alloc(mebibyte, 0x33))
  qemuImg('convert', '-f', 'raw', '-O', 'qcow2', source, join(draft, 'disk.qcow2'))
  await datastore.seal(image, { ...facts, format: 'qcow2', boot: 'disk' })
  const volume = randomUUID()
  await datastore.create(volume, { format: 'raw', sizeBytes: 2 * mebibyte, image }, never)
  const content = readFileSync((await datastore.open(volume, null)).file)
  assert.ok(content.subarray(0, mebibyte).equals(Buffer.alloc(mebibyte, 0x33)))
  assert.ok(content.subarray(mebibyte).equals(Buffer.alloc(mebibyte)))
})

test('I-30 a raw volume stays raw although its guest wrote a qcow2 header into it', async (t) => {
  const { datastore } = await withImage(t)
  const volume = randomUUID()
  await datastore.create(volume, { format: 'raw', sizeBytes: mebibyte, image: null }, never)
  const { file } = await datastore.open(volume, null)
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.from('514649fb00000003', 'hex'), 0, 8, 0)
  closeSync(descriptor)
  assert.deepEqual(await datastore.open(volume, null), { file, format: 'raw', key: null, backing: [] })
  await datastore.grow(volume, 2 * mebibyte, never)
  assert.equal((await datastore.observe(volume)).sizeBytes, 2 * mebibyte)
})

test('a guest that rewrote its header to name a host file gets nothing read', async (t) => {
  const { datastore, image, folder } = await withImage(t)
  const volume = randomUUID()
  await datastore.create(volume, { format: 'qcow2', sizeBytes: null, image }, never)
  const { file, backing } = await datastore.open(volume, null)
  const secret = join(folder, 'secret')
  writeFileSync(secret, Buffer.alloc(mebibyte, 0x77))
  qemuImg('rebase', '-u', '-f', 'qcow2', '-F', 'raw', '-b', secret, file)
  await assert.rejects(datastore.grow(volume, 4 * mebibyte, never), isFailed)
  assert.deepEqual((await datastore.open(volume, null)).backing, backing)
})

test('the owner gets the volume, never the image', async (t) => {
  if (process.getuid?.() !== 0) return t.diagnostic('needs root: nothing to prove as an ordinary user')
  const { datastore, image } = await withImage(t)
  const volume = randomUUID()
  await datastore.create(volume, { format: 'qcow2', sizeBytes: null, image }, never)
  const { file, backing } = await datastore.open(volume, 1_879_048_195)
  assert.deepEqual([statSync(file).uid, statSync(file).mode & 0o777], [1_879_048_195, 0o600])
  assert.deepEqual(
    [statSync(backing[0]?.file ?? '').uid, statSync(backing[0]?.file ?? '').mode & 0o777],
    [0, 0o444],
  )
  assert.equal(statSync(join(file, '..')).uid, 0)
})

test('I-20 a killed attempt is removed at the next open, and nothing that is not ours', async (t) => {
  const { folder, datastore } = await withImage(t)
  const draft = await datastore.draft(randomUUID())
  await fill(draft)
  const strangers = ['notes', `${randomUUID()}-zz`, `${randomUUID()}-00000000-0000000000000000`]
  for (const name of strangers) mkdirSync(join(folder, 'drafts', name))
  mkdirSync(join(folder, 'volumes', 'lost+found'))
  const again = await openDirectory({ folder })
  assert.equal(existsSync(draft), false)
  assert.deepEqual(readdirSync(join(folder, 'drafts')).toSorted(), strangers.toSorted())
  assert.deepEqual(await again.volumes(), [])
})

test('symbolic links are never followed', async (t) => {
  const { folder, datastore } = await withImage(t)
  const secret = join(folder, 'secret')
  writeFileSync(secret, 'secret')
  const volume = randomUUID()
  mkdirSync(join(folder, 'volumes', volume))
  writeFileSync(
    join(folder, 'volumes', volume, 'volume.json'),
    JSON.stringify({ version: 1, format: 'raw', image: null }),
  )
  symlinkSync(secret, join(folder, 'volumes', volume, 'disk.raw'))
  await assert.rejects(datastore.observe(volume), isFailed)
  await assert.rejects(datastore.open(volume, 12345), isFailed)
  await assert.rejects(datastore.grow(volume, mebibyte, never), isFailed)
  const image = randomUUID()
  const draft = await datastore.draft(image)
  await fill(draft)
  rmSync(join(draft, 'disk.raw'))
  symlinkSync(secret, join(draft, 'disk.raw'))
  await assert.rejects(datastore.seal(image, facts), isFailed)
  assert.equal(readFileSync(secret, 'utf8'), 'secret')
  const moved = temporary(t)
  symlinkSync(folder, join(moved, 'volumes'))
  await assert.rejects(openDirectory({ folder: moved }), isFailed)
})

test('a full disk is said with numbers and leaves nothing', async (t) => {
  const folder = temporary(t)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return t.diagnostic('needs root to mount a small file system')
  }
  try {
    const datastore = await openDirectory({ folder })
    const image = randomUUID()
    const draft = await datastore.draft(image)
    writeFileSync(join(draft, 'disk.raw'), Buffer.alloc(2 * mebibyte, 1))
    await datastore.seal(image, { ...facts, boot: 'disk', virtualBytes: 2 * mebibyte })
    const create = () => datastore.create(randomUUID(), { format: 'raw', sizeBytes: null, image }, never)
    const isFull = (error: unknown) =>
      error instanceof Problem && error.code === 'datastore/full' && Number(error.facts['freeBytes']) > 0
    await assert.rejects(create(), isFull)
    writeFileSync(join(folder, 'rest'), Buffer.alloc((await datastore.look()).freeBytes, 1))
    const other = datastore.create(randomUUID(), { format: 'qcow2', sizeBytes: null, image }, never)
    await assert.rejects(other, (error) => error instanceof Problem && error.code === 'datastore/full')
    assert.deepEqual(await datastore.volumes(), [])
    assert.deepEqual(readdirSync(join(folder, 'drafts')), [])
  } finally {
    execFileSync('umount', [folder])
  }
})

test('a disk that a guest had is copied elsewhere once the guest is off', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root gives files away')
  const [from, to] = [
    await openDirectory({ folder: temporary(t) }),
    await openDirectory({ folder: temporary(t) }),
  ]
  const volume = randomUUID()
  await from.create(volume, { format: 'qcow2', sizeBytes: mebibyte, image: null }, never)
  await from.open(volume, 65_534)
  const content = await from.open(volume, null)
  await to.create(volume, { format: 'qcow2', sizeBytes: null, image: null, content }, never)
  assert.equal((await to.observe(volume)).state, 'ready')
})
