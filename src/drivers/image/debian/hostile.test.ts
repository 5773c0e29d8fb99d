import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
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
import { assert as holdsFor, asyncProperty, nat, uint8Array } from 'fast-check'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import { channelOf } from '#drivers/image/contract.ts'
import { image as imageKind } from '#kinds/image/schema.ts'
import { Problem } from '#model/problem.ts'
import { judge } from './format/header.ts'
import { convertJailed, strangerDisk } from './convert.ts'
import { readerOfBytes } from './format/verdict.ts'
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
    const wish = { offset: 0, bytes: null, total: null, spec: imageKind.spec.parse({ format }) }
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
    assert.ok('why' in (await judge(readerOfBytes(content), 'auto')))
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

test('a backing file that slipped through is not opened, and the jail alone would not show it', async (t) => {
  const here = await lair(t)
  const draft = join(here.folder, 'draft')
  for (const name of ['a backing file on the host', 'a json: backing file']) {
    mkdirSync(draft)
    writeFileSync(join(draft, 'upload'), hostile[name]?.(here) ?? '')
    const stated = strangerDisk(join(draft, 'upload'), 'qcow2')
    const { backing: _, ...trusting } = stated.node
    const work = {
      to: 'raw',
      virtualBytes: mebibyte,
      largestBytes: 64 * mebibyte,
      folder: draft,
      name: 'disk',
    } as const
    await convertJailed({ ...work, disk: stated }, never)
    assert.equal(readFileSync(join(draft, 'disk')).includes(secretWord), false)
    await assert.rejects(
      convertJailed({ ...work, disk: { ...stated, node: trusting } }, never),
      (error) => error instanceof Problem && error.code === 'image/refused',
    )
    rmSync(draft, { recursive: true })
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
  const work = convertJailed(
    {
      disk: strangerDisk(join(draft, 'upload'), 'qcow2'),
      to: 'qcow2',
      virtualBytes: mebibyte,
      largestBytes: 8 * mebibyte,
      folder: draft,
      name: 'disk.qcow2',
    },
    never,
  )
  await assert.rejects(work, (error) => error instanceof Problem && /too large/.test(error.message))
})

const magics = [
  '514649fb',
  '4b444d56',
  '76686478',
  '636f6e65637469780000000200010000',
  '1f8b08',
  '28b52ffd',
].map((hex) => Buffer.from(hex, 'hex'))

test('whatever the bytes, the judgement is a verdict and never an exception', async () => {
  await holdsFor(
    asyncProperty(
      uint8Array({ maxLength: 400 }),
      nat(magics.length),
      nat(4096),
      async (bytes, which, more) => {
        const content = Buffer.concat([magics[which] ?? Buffer.alloc(0), bytes, Buffer.alloc(more)])
        for (const format of ['auto', 'qcow2', 'raw', 'vmdk', 'vdi', 'vpc', 'vhdx', 'iso'] as const) {
          const verdict = await judge(readerOfBytes(content), format)
          assert.ok('why' in verdict || verdict.virtualBytes > 0)
        }
      },
    ),
    { numRuns: 500 },
  )
})
