import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { assert as holdsFor, boolean, nat, property, uint8Array } from 'fast-check'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import { channelOf } from '#drivers/image/contract.ts'
import { Problem } from '#model/problem.ts'
import { judge } from './format/header.ts'
import { convertJailed } from './jail.ts'
import { openImageMaker } from './maker.ts'

const never = new AbortController().signal
const mebibyte = 1024 * 1024
const secretWord = 'the-content-of-a-host-file'
const qemuImg = (...argv: string[]) => execFileSync('qemu-img', argv, { stdio: ['ignore', 'pipe', 'pipe'] })

async function lair(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-hostile-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  // Readable by everybody: what keeps it from the tools must be our walls, not its mode.
  chmodSync(folder, 0o755)
  const secret = join(folder, 'secret')
  writeFileSync(secret, Buffer.alloc(mebibyte, secretWord))
  const into = await openDirectory({ folder: join(folder, 'store') })
  const maker = await openImageMaker({ cacheFolder: join(folder, 'cache') })
  const send = async (content: Uint8Array, format: 'auto' | 'qcow2' | 'raw') => {
    const image = randomUUID()
    const wish = { format, sha256: null, bytes: null }
    await maker.receive(image, into, channelOf([content]), wish, () => undefined, never)
    return image
  }
  return { folder, secret, into, send }
}

type Lair = Awaited<ReturnType<typeof lair>>

function plainQcow2(folder: string, ...options: string[]): Buffer {
  const file = join(folder, 'plain.qcow2')
  rmSync(file, { force: true })
  qemuImg('create', '-q', '-f', 'qcow2', ...options, file, '16M')
  return readFileSync(file)
}

/** A sound qcow2 with one thing changed. */
function spoiled(folder: string, spoil: (content: Buffer) => void): Buffer {
  const content = plainQcow2(folder)
  spoil(content)
  return content
}

function named(content: Buffer, name: string) {
  content.writeBigUInt64BE(0x400n, 8)
  content.writeUInt32BE(Buffer.byteLength(name), 16)
  content.write(name, 0x400)
}

const hostile: Record<string, (lair: Lair) => Buffer> = {
  'a backing file on the host': ({ folder, secret }) => spoiled(folder, (content) => named(content, secret)),
  'a json: backing file': ({ folder, secret }) =>
    spoiled(folder, (content) =>
      named(content, `json:{"driver":"raw","file":{"driver":"file","filename":"${secret}"}}`),
    ),
  'a backing file by a network protocol': ({ folder }) =>
    spoiled(folder, (content) => named(content, 'nbd://127.0.0.1:10809/x')),
  'a backing name without a length': ({ folder }) =>
    spoiled(folder, (content) => content.writeBigUInt64BE(0x400n, 8)),
  'an external data file': ({ folder, secret }) => {
    const file = join(folder, 'data.qcow2')
    qemuImg(
      'create',
      '-q',
      '-f',
      'qcow2',
      '-o',
      `data_file=${join(folder, 'data')},data_file_raw=on`,
      file,
      '1M',
    )
    const content = readFileSync(file)
    const at = content.indexOf(join(folder, 'data'))
    content.write(secret.slice(0, join(folder, 'data').length), at)
    return content
  },
  'an external data file hidden from the feature bits': ({ folder }) =>
    spoiled(folder, (content) => {
      const at = content.readUInt32BE(100)
      content.writeUInt32BE(0x44415441, at)
      content.writeUInt32BE(8, at + 4)
    }),
  'a VMDK description with a flat extent': ({ secret }) =>
    Buffer.from(
      `# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "${secret}" 0\n`.padEnd(
        1024,
      ),
    ),
  'a sparse VMDK': ({ folder }) => {
    const file = join(folder, 'x.vmdk')
    qemuImg('create', '-q', '-f', 'vmdk', file, '1M')
    return readFileSync(file)
  },
  'a QED image with a backing file': ({ folder, secret }) => {
    const file = join(folder, 'x.qed')
    qemuImg('create', '-q', '-f', 'qed', '-b', secret, '-F', 'raw', file)
    return readFileSync(file)
  },
  'a huge L1 table': ({ folder }) => spoiled(folder, (content) => content.writeUInt32BE(0xffffffff, 36)),
  'an L1 table outside the file': ({ folder }) =>
    spoiled(folder, (content) => content.writeBigUInt64BE(2n ** 40n, 40)),
  'an L1 table too small for the disk': ({ folder }) =>
    spoiled(folder, (content) => content.writeBigUInt64BE(2n ** 40n, 24)),
  'a disk of absurd size': ({ folder }) =>
    spoiled(folder, (content) => content.writeBigUInt64BE(2n ** 63n, 24)),
  'a truncated header': ({ folder }) => plainQcow2(folder).subarray(0, 80),
  'a truncated file': ({ folder }) => plainQcow2(folder).subarray(0, 65_536),
  'absurd cluster bits': ({ folder }) => spoiled(folder, (content) => content.writeUInt32BE(63, 20)),
  'a refcount table outside the file': ({ folder }) =>
    spoiled(folder, (content) => content.writeBigUInt64BE(2n ** 62n, 48)),
  'a huge refcount table': ({ folder }) =>
    spoiled(folder, (content) => content.writeUInt32BE(0xffffffff, 56)),
  'endless snapshots': ({ folder }) => spoiled(folder, (content) => content.writeUInt32BE(0xffffffff, 60)),
  'unknown features': ({ folder }) => spoiled(folder, (content) => content.writeBigUInt64BE(2n ** 20n, 72)),
  encryption: ({ folder }) => spoiled(folder, (content) => content.writeUInt32BE(2, 32)),
  'qcow of version 1': ({ folder }) => spoiled(folder, (content) => content.writeUInt32BE(1, 4)),
  'a header extension that never ends': ({ folder }) =>
    spoiled(folder, (content) => {
      content.writeUInt32BE(0x11111111, content.readUInt32BE(100))
      content.writeUInt32BE(0xffffffff, content.readUInt32BE(100) + 4)
    }),
  'a VHD': ({ folder }) => {
    const file = join(folder, 'x.vhd')
    qemuImg('create', '-q', '-f', 'vpc', '-o', 'subformat=fixed', file, '1M')
    return readFileSync(file)
  },
  'a VHDX': ({ folder }) => {
    const file = join(folder, 'x.vhdx')
    qemuImg('create', '-q', '-f', 'vhdx', file, '1M')
    return readFileSync(file)
  },
  'a VDI': ({ folder }) => {
    const file = join(folder, 'x.vdi')
    qemuImg('create', '-q', '-f', 'vdi', file, '1M')
    return readFileSync(file)
  },
  'a gzip file': () => Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(510)]),
  'an OVA': () => {
    const content = Buffer.alloc(1024)
    content.write('ustar', 257)
    return content
  },
}

for (const [what, make] of Object.entries(hostile)) {
  test(`refused, and no host file read: ${what}`, async (t) => {
    const here = await lair(t)
    const content = make(here)
    // By the header alone, before any tool sees it; the jail is a second wall, not the first.
    assert.ok(
      'why' in judge({ head: content, tail: content.subarray(-512), fileBytes: content.length }, 'auto'),
    )
    const startedAt = performance.now()
    await assert.rejects(
      here.send(content, 'auto'),
      (error) =>
        error instanceof Problem && error.code === 'image/refused' && !error.message.includes(secretWord),
    )
    assert.ok(performance.now() - startedAt < 2000)
    assert.deepEqual(await here.into.images(), [])
    assert.deepEqual(readdirSync(join(here.folder, 'store', 'drafts')), [])
  })
}

test('a nested image, dangerous inside a harmless one, is carried as it is and never interpreted', async (t) => {
  const here = await lair(t)
  const inner = Buffer.alloc(mebibyte)
  hostile['a backing file on the host']?.(here).copy(inner, 0, 0, 65_536)
  const raw = join(here.folder, 'inner.raw')
  writeFileSync(raw, inner)
  const outer = join(here.folder, 'outer.qcow2')
  qemuImg('convert', '-f', 'raw', '-O', 'qcow2', raw, outer)
  const image = await here.send(readFileSync(outer), 'auto')
  const { disk } = await here.into.imageFiles(image)
  const out = join(here.folder, 'out.raw')
  qemuImg('convert', '-f', 'qcow2', '-O', 'raw', disk ?? '', out)
  assert.ok(readFileSync(out).equals(inner))
  assert.equal(readFileSync(disk ?? '').includes(secretWord), false)
  assert.equal(statSync(disk ?? '').mode & 0o777, 0o444)
})

test('tables that point nowhere inside a sound header are refused or read as zeros, within bounds', async (t) => {
  const here = await lair(t)
  for (const entry of [2n ** 62n + 2n ** 50n, 2n ** 63n + 0x1000n, 0xffffffffffffffffn]) {
    const content = plainQcow2(here.folder)
    content.writeBigUInt64BE(entry, Number(content.readBigUInt64BE(40)))
    const startedAt = performance.now()
    await here.send(content, 'auto').catch((error: unknown) => {
      assert.ok(error instanceof Problem && error.code === 'image/refused', String(error))
    })
    assert.ok(performance.now() - startedAt < 5000)
  }
})

test('the jail alone would hold: a backing file that slipped through cannot be seen in it', async (t) => {
  const here = await lair(t)
  const draft = join(here.folder, 'draft')
  mkdirSync(draft)
  for (const name of ['a backing file on the host', 'a json: backing file']) {
    writeFileSync(join(draft, 'upload'), hostile[name]?.(here) ?? '')
    const work = convertJailed({ draft, uploadBytes: mebibyte, largestBytes: 64 * mebibyte }, never)
    await assert.rejects(work, (error) => error instanceof Problem && error.code === 'image/refused')
    assert.equal(existsSync(join(draft, 'disk.qcow2')), false)
    rmSync(draft, { recursive: true })
    mkdirSync(draft)
  }
})

test('a bomb, small to send and large to write, is stopped at its bound', async (t) => {
  const here = await lair(t)
  const raw = join(here.folder, 'bomb.raw')
  writeFileSync(raw, Buffer.alloc(64 * mebibyte, 0x41))
  const draft = join(here.folder, 'draft')
  mkdirSync(draft)
  qemuImg('convert', '-c', '-f', 'raw', '-O', 'qcow2', raw, join(draft, 'upload'))
  assert.ok(statSync(join(draft, 'upload')).size < mebibyte)
  const work = convertJailed({ draft, uploadBytes: mebibyte, largestBytes: 8 * mebibyte }, never)
  await assert.rejects(work, (error) => error instanceof Problem && /too large/.test(error.message))
})

test('whatever the bytes, the judgement is a verdict and never an exception', () => {
  const magic = Buffer.from('514649fb', 'hex')
  holdsFor(
    property(uint8Array({ maxLength: 400 }), boolean(), nat(2 ** 31), (bytes, isQcow2, more) => {
      const head = isQcow2 ? Buffer.concat([magic, bytes]) : Buffer.from(bytes)
      const fileBytes = head.length + more
      for (const format of ['auto', 'qcow2', 'raw'] as const) {
        const verdict = judge({ head, tail: head.subarray(-512), fileBytes }, format)
        assert.ok('why' in verdict || verdict.virtualBytes > 0)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a sound header with any one byte changed is judged within the bounds of the file', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-header-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const sound = plainQcow2(folder)
  const noise = randomBytes(4)
  for (let at = 4; at < 120; at++) {
    for (const byte of noise) {
      const head = Buffer.from(sound)
      head.writeUInt8(byte, at)
      const verdict = judge({ head, tail: Buffer.alloc(0), fileBytes: head.length }, 'auto')
      assert.ok('why' in verdict || verdict.virtualBytes <= 2 ** 46)
    }
  }
})
