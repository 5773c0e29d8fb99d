/** Every format that is taken in, made by qemu-img and the packers, arrives with the same disk; each refusal says why. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import { channelOf } from '#drivers/image/contract.ts'
import { image as imageKind } from '#kinds/image/schema.ts'
import { Problem } from '#model/problem.ts'
import { randomFrom } from '#base/random.ts'
import { judge } from './format/header.ts'
import { readerOfBytes } from './format/verdict.ts'
import { crc32c } from './format/vhdx.ts'
import { openImageMaker } from './maker.ts'

const never = new AbortController().signal
const mebibyte = 1024 * 1024
const secretWord = 'the-content-of-a-host-file'
const qemuImg = (...argv: string[]) => execFileSync('qemu-img', argv, { stdio: ['ignore', 'pipe', 'pipe'] })

async function lair(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-formats-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  const into = await openDirectory({ folder: join(folder, 'store') })
  const maker = await openImageMaker({ cacheFolder: join(folder, 'cache') })
  const send = async (content: Uint8Array, spec: object = {}) => {
    const image = randomUUID()
    const wish = { offset: 0, bytes: content.length, total: content.length, spec: imageKind.spec.parse(spec) }
    await maker.receive(image, into, channelOf([content]), wish, () => undefined, never)
    return image
  }
  const diskOf = async (image: string) => {
    const { disk } = await into.imageFiles(image)
    const { format } = await into.observeImage(image)
    qemuImg('convert', '-f', format, '-O', 'raw', disk ?? '', join(folder, 'out.raw'))
    return readFileSync(join(folder, 'out.raw'))
  }
  return { folder, into, maker, send, diskOf }
}

/** Not all zeros, not all different: 3 MiB of which one is written. */
const disk = Buffer.alloc(3 * mebibyte)
disk.fill('a disk to be recognised ', mebibyte, 2 * mebibyte)

function madeAs(folder: string, format: string, options: string[] = [], content = disk): Buffer {
  writeFileSync(join(folder, 'source.raw'), content)
  rmSync(join(folder, 'made'), { force: true })
  qemuImg('convert', '-f', 'raw', '-O', format, ...options, join(folder, 'source.raw'), join(folder, 'made'))
  return readFileSync(join(folder, 'made'))
}

const forms: readonly (readonly [string, string, string[]])[] = [
  ['vmdk', 'vmdk', []],
  ['vmdk', 'vmdk', ['-o', 'subformat=streamOptimized']],
  ['vdi', 'vdi', []],
  ['vdi', 'vdi', ['-o', 'static=on']],
  ['vpc', 'vpc', ['-o', 'force_size=on']],
  ['vpc', 'vpc', ['-o', 'subformat=fixed,force_size=on']],
  ['vhdx', 'vhdx', []],
  ['vhdx', 'vhdx', ['-o', 'subformat=fixed']],
  ['qcow2', 'qcow2', ['-c']],
  ['raw', 'raw', []],
]

test('every format becomes the same disk, and is called what it was', async (t) => {
  const here = await lair(t)
  for (const [cameAs, format, options] of forms) {
    const image = await here.send(madeAs(here.folder, format, options))
    const what = `${cameAs} ${options.join(' ')}`
    assert.ok((await here.diskOf(image)).subarray(0, disk.length).equals(disk), what)
    const sight = await here.into.observeImage(image)
    assert.deepEqual([sight.cameAs, sight.virtualBytes, sight.medium], [cameAs, disk.length, 'disk'], what)
  }
})

test('packed with gz, xz or zst, it is unpacked first', async (t) => {
  const here = await lair(t)
  const qcow2 = madeAs(here.folder, 'qcow2')
  const packers: Record<string, (content: Buffer) => Buffer> = {
    gz: gzipSync,
    zst: zstdCompressSync,
    xz: (content) => execFileSync('xz', ['-c'], { input: content, maxBuffer: 2 ** 26 }),
  }
  for (const [name, pack] of Object.entries(packers)) {
    for (const [inner, content] of Object.entries({ qcow2, raw: disk })) {
      const image = await here.send(pack(content))
      assert.ok((await here.diskOf(image)).equals(disk), name)
      assert.equal((await here.into.observeImage(image)).cameAs, `${name} ${inner}`)
    }
    await refusedFor(here.send(pack(pack(qcow2))), /packed once more/)
    await refusedFor(here.send(pack(disk).subarray(0, 200)), /damaged/)
    const twisted = Buffer.from(pack(qcow2))
    twisted.fill(0x55, Math.floor(twisted.length / 3), Math.floor(twisted.length / 3) + 64)
    await refusedFor(here.send(twisted), /damaged|qcow2|cannot read|header|512/)
  }
  assert.deepEqual(readdirSync(join(here.folder, 'store', 'drafts')), [])
})

test('an ISO medium stays as it is and is known as one', async (t) => {
  const here = await lair(t)
  const image = await here.send(isoOf(40 * 2048))
  const sight = await here.into.observeImage(image)
  assert.deepEqual(
    [sight.format, sight.medium, sight.cameAs, sight.virtualBytes],
    ['raw', 'cdrom', 'iso', 40 * 2048],
  )
  await refusedFor(here.send(isoOf(40 * 2048).subarray(0, 30 * 2048)), /cut short/)
})

test('the same disk of two images lies there once, and goes with the last of them', async (t) => {
  const here = await lair(t)
  const contents = () => readdirSync(join(here.folder, 'store', 'contents'))
  const content = madeAs(here.folder, 'qcow2')
  const [first, second] = [await here.send(content), await here.send(gzipSync(content))]
  assert.equal(contents().length, 1)
  const [one, two] = await Promise.all([first, second].map((image) => here.into.imageFiles(image)))
  const inodes = [one, two].map((files) =>
    execFileSync('stat', ['-c', '%i %a', files?.disk ?? ''], { encoding: 'utf8' }),
  )
  assert.equal(inodes[0], inodes[1])
  await here.into.removeImage(first, never)
  assert.equal(contents().length, 1)
  assert.ok((await here.diskOf(second)).equals(disk))
  await here.into.removeImage(second, never)
  assert.deepEqual(contents(), [])
})

const refusedFor = (work: Promise<unknown>, why: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof Problem && error.code === 'image/refused', String(error))
    assert.match(error.message, why)
    assert.ok(!error.message.includes(secretWord))
    return true
  })

function isoOf(bytes: number): Buffer {
  const content = Buffer.alloc(bytes)
  const at = 16 * 2048
  content.writeUInt8(1, at)
  content.write('CD001', at + 1)
  content.writeUInt32LE(bytes / 2048, at + 80)
  content.writeUInt16LE(2048, at + 128)
  return content
}

type Spoil = readonly [string, RegExp, (content: Buffer) => Buffer | void]

/** A VMDK whose description is another one. */
const described = (text: string) => (content: Buffer) => {
  content.fill(0, 512, 512 + 20 * 512)
  content.write(text, 512)
}
const extent = (line: string, more = '') =>
  described(
    `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicSparse"\n${more}${line}\n`,
  )
const sumVhdx = (content: Buffer, at: number, bytes: number) => {
  content.writeUInt32LE(0, at + 4)
  content.writeUInt32LE(crc32c(content.subarray(at, at + bytes)), at + 4)
}
const sumVpc = (content: Buffer, at: number, field: number, bytes: number) => {
  content.writeUInt32BE(0, at + field)
  const sum = content.subarray(at, at + bytes).reduce((total, byte) => total + byte, 0)
  content.writeUInt32BE(~sum >>> 0, at + field)
}
const bothFooters = (change: (content: Buffer, at: number) => void) => (content: Buffer) => {
  for (const at of [0, content.length - 512]) {
    change(content, at)
    sumVpc(content, at, 64, 512)
  }
}
const bothHeaders = (change: (content: Buffer, at: number) => void) => (content: Buffer) => {
  for (const at of [65_536, 131_072]) {
    change(content, at)
    sumVhdx(content, at, 4096)
  }
}

const spoilt: Record<string, readonly Spoil[]> = {
  vmdk: [
    ['a flat extent on the host', /other files/, extent('RW 2048 FLAT "/etc/shadow" 0')],
    ['two extents', /other files/, extent('RW 2048 SPARSE "a"\nRW 2048 SPARSE "/etc/shadow"')],
    ['a parent', /parent/, extent('RW 6144 SPARSE "x"', 'parentFileNameHint="/etc/shadow"\n')],
    [
      'a parent id',
      /parent/,
      described(
        '# Disk DescriptorFile\nparentCID=12345678\ncreateType="monolithicSparse"\nRW 6144 SPARSE "x"\n',
      ),
    ],
    [
      'a parent behind the end of the text',
      /parent/,
      (content) => void content.write('parentFileNameHint="/etc/shadow"', 512 + 9000),
    ],
    [
      'another kind',
      /kind/,
      described('# Disk DescriptorFile\nparentCID=ffffffff\ncreateType="vmfs"\nRW 6144 SPARSE "x"\n'),
    ],
    [
      'no capacity: the description is read instead',
      /other files/,
      (content) => void content.writeBigUInt64LE(0n, 12),
    ],
    ['an absurd capacity', /larger than/, (content) => void content.writeBigUInt64LE(2n ** 54n, 12)],
    ['8 EiB', /larger than/, (content) => void content.writeBigUInt64LE(2n ** 54n - 1n, 12)],
    ['a directory outside', /outside/, (content) => void content.writeBigUInt64LE(2n ** 40n, 56)],
    ['an odd grain', /grain size/, (content) => void content.writeBigUInt64LE(3n, 20)],
    ['no entries in a table', /grain tables/, (content) => void content.writeUInt32LE(0, 44)],
    ['an unknown feature', /not understood/, (content) => void content.writeUInt32LE(0x80000001, 8)],
    ['one of several files', /several files/, (content) => void content.writeBigUInt64LE(0n, 28)],
    ['a transfer as text', /as text/, (content) => void content.writeUInt8(0x0d, 73)],
    [
      'a footer that is not there',
      /cut short/,
      (content) => void content.writeBigUInt64LE(2n ** 64n - 1n, 56),
    ],
  ],
  vdi: [
    ['a parent', /parent/, (content) => void content.writeUInt8(7, 0x1b8)],
    ['a link', /parent/, (content) => void content.writeUInt8(7, 0x1a8)],
    ['a difference', /parent/, (content) => void content.writeUInt32LE(4, 0x4c)],
    ['8 EiB', /larger than/, (content) => void content.writeBigUInt64LE(2n ** 63n - 512n, 0x170)],
    ['a map outside', /outside/, (content) => void content.writeUInt32LE(0xfffffe00, 0x154)],
    ['a wrong map', /wrong size/, (content) => void content.writeUInt32LE(0xffffffff, 0x180)],
    ['blocks of another size', /1 MiB/, (content) => void content.writeUInt32LE(4096, 0x178)],
    ['truncation', /cut short/, (content) => content.subarray(0, 4096)],
  ],
  vpc: [
    ['a parent', /parent/, bothFooters((content, at) => content.writeUInt32BE(4, at + 60))],
    [
      '8 EiB',
      /larger than/,
      bothFooters((content, at) => content.writeBigUInt64BE(2n ** 63n - 512n, at + 48)),
    ],
    ['a wrong checksum', /checksum/, (content) => void content.writeUInt8(9, content.length - 500)],
    [
      'a header outside',
      /outside/,
      bothFooters((content, at) => content.writeBigUInt64BE(2n ** 40n, at + 16)),
    ],
    ['footers that differ', /differ/, (content) => void content.writeUInt8(9, 30)],
    ['truncation', /footer/, (content) => content.subarray(0, content.length - 512)],
  ],
  vhdx: [
    ['a log', /log/, bothHeaders((content, at) => content.writeUInt8(7, at + 48))],
    ['a version', /version/, bothHeaders((content, at) => content.writeUInt16LE(2, at + 66))],
    ['no sound header', /headers/, (content) => void content.fill(0, 65_536, 196_608)],
    ['tables that differ', /differ/, (content) => void content.fill(0, 262_144, 262_200)],
    ['truncation', /headers|region/, (content) => content.subarray(0, 300_000)],
  ],
}

test('each header that reaches beyond its file or lies is refused for its own reason, before any tool sees it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-spoilt-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [format, spoils] of Object.entries(spoilt)) {
    const sound = madeAs(folder, format, format === 'vpc' ? ['-o', 'force_size=on'] : [])
    assert.ok('format' in (await judge(readerOfBytes(sound), 'auto')), format)
    for (const [what, why, spoil] of spoils) {
      const content = Buffer.from(sound)
      const verdict = await judge(readerOfBytes(spoil(content) ?? content), 'auto')
      assert.ok('why' in verdict, `${format}: ${what} passed`)
      assert.match(verdict.why, why, `${format}: ${what}`)
    }
  }
})

test('mutated headers of every format are refused or read within bounds, and never show a host file', async (t) => {
  const here = await lair(t)
  const secret = join(here.folder, 'secret')
  writeFileSync(secret, Buffer.alloc(mebibyte, secretWord))
  const random = randomFrom(20_261_120)
  const below = (most: number) => Math.floor(random() * most)
  let taken = 0
  for (const [, format, options] of forms.filter(([, format]) => format !== 'raw')) {
    const sound = madeAs(here.folder, format, options, disk.subarray(0, 2 * mebibyte))
    for (let round = 0; round < 36; round++) {
      const content = Buffer.from(sound)
      // Where the headers and tables of all these formats lie, and their ends.
      const places = [0, 512, 65_536, 131_072, 196_608, mebibyte, 2 * mebibyte, content.length - 1536]
      const from = Math.max(0, places[below(places.length)] ?? 0)
      for (let change = 0; change < 1 + below(4); change++)
        content[Math.min(content.length - 1, from + below(600))] = below(256)
      if (below(3) === 0) content.write(secret, Math.min(from + below(600), content.length - secret.length))
      const verdict = await judge(readerOfBytes(content), 'auto')
      if ('why' in verdict || verdict.format === 'raw' || round % 6 !== 0) continue
      const image = await here.send(content).catch((error: unknown) => {
        assert.ok(error instanceof Problem && error.code === 'image/refused', String(error))
        return undefined
      })
      if (image === undefined) continue
      taken += 1
      const { disk: file } = await here.into.imageFiles(image)
      assert.ok(!readFileSync(file ?? '').includes(secretWord))
    }
  }
  assert.ok(taken > 5)
  assert.deepEqual(readdirSync(join(here.folder, 'store', 'drafts')), [])
})

test('a bomb is stopped at its bound: what becomes of so few bytes is told beforehand', async (t) => {
  const here = await lair(t)
  const { mostUnpacked } = await import('./unpack.ts')
  assert.equal(mostUnpacked(1), 2 ** 33)
  assert.equal(mostUnpacked(2 ** 30), 2 ** 41)
  assert.equal(createHash('sha256').update(disk).digest('hex').length, 64)
  // 64 MiB of zeros from 64 KiB: allowed, and takes no room.
  const image = await here.send(gzipSync(Buffer.alloc(64 * mebibyte)))
  assert.ok((await here.into.observeImage(image)).storedBytes < mebibyte)
})
