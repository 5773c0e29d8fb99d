/** The pure parts of a build: its partition table as any reader sees it, its sources, its story. */

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { assert as check, integer, property } from 'fast-check'
import { limits } from '#model/limits.ts'
import { image } from '#kinds/image/schema.ts'
import { prunePackages } from './keeping.ts'
import { sourcesFor } from './mirrors.ts'
import { grubAt, layoutOf, tablesOf } from './partitions.ts'
import { filesFor, finishScript, packagesFor } from './recipe.ts'
import { Story } from './story.ts'

const mib = 1024 ** 2
const ids = {
  grub: '11111111-2222-4333-8444-555555555555',
  efi: '21111111-2222-4333-8444-555555555555',
  root: '31111111-2222-4333-8444-555555555555',
}
const boot = Buffer.alloc(512, 0x90)
boot.writeUInt16LE(0xaa55, 510)

/** A disk's table as a reader finds it, from its first header or its second. */
function readTable(disk: Buffer, at: number) {
  const header = disk.subarray(at * 512, at * 512 + 92)
  assert.equal(header.toString('latin1', 0, 8), 'EFI PART')
  const blank = Buffer.from(header)
  blank.writeUInt32LE(0, 16)
  assert.equal(header.readUInt32LE(16), crc32(blank))
  assert.equal(Number(header.readBigUInt64LE(24)), at)
  const [first, last] = [Number(header.readBigUInt64LE(40)), Number(header.readBigUInt64LE(48))]
  const entries = disk.subarray(Number(header.readBigUInt64LE(72)) * 512).subarray(0, 128 * 128)
  assert.equal(header.readUInt32LE(88), crc32(entries))
  const parts = Array.from({ length: 128 }, (_, index) => entries.subarray(index * 128, index * 128 + 128))
    .map((entry, index) => ({
      number: index + 1,
      type: entry.subarray(0, 4).toString('hex'),
      from: Number(entry.readBigUInt64LE(32)),
      to: Number(entry.readBigUInt64LE(40)),
    }))
    .filter(({ type }) => type !== '00000000')
    .sort((one, other) => one.from - other.from)
  for (const [index, part] of parts.entries()) {
    assert.ok(part.from >= first && part.to <= last && part.from < part.to)
    assert.ok(index === 0 || part.from > (parts[index - 1]?.to ?? 0), 'parts do not overlap')
  }
  return { other: Number(header.readBigUInt64LE(32)), parts }
}

function diskOf(diskBytes: number): Buffer {
  const disk = Buffer.alloc(diskBytes)
  for (const { at, bytes } of tablesOf(diskBytes, ids.root, layoutOf(diskBytes, ids), boot))
    bytes.copy(disk, at)
  return disk
}

test('a disk has the same table at both ends, its parts apart, the root last so that it can grow', () => {
  check(
    property(integer({ min: 512, max: 520 }), (sizeMib) => {
      const disk = diskOf(sizeMib * mib)
      const first = readTable(disk, 1)
      const second = readTable(disk, first.other)
      assert.equal(first.other, disk.length / 512 - 1)
      assert.deepEqual(second.parts, first.parts)
      assert.deepEqual(
        first.parts.map(({ number }) => number),
        [14, 15, 1],
      )
    }),
    { numRuns: 5 },
  )
})

test('readers of old tables see one part that is the whole disk, and a sector that boots', () => {
  const disk = diskOf(512 * mib)
  assert.equal(disk.readUInt16LE(510), 0xaa55)
  assert.deepEqual([disk[446], disk[450]], [0x80, 0xee])
  assert.equal(disk.readUInt32LE(458), disk.length / 512 - 1)
  assert.equal(disk[100], 0x90)
})

test('GRUB is told where its rest lies; what is no GRUB or too large is refused', () => {
  const { grub } = layoutOf(1024 * mib, ids)
  const made = grubAt(grub, boot, Buffer.alloc(32_000))
  assert.equal(made?.boot.readBigUInt64LE(0x5c), 2048n)
  assert.equal(made?.core.readBigUInt64LE(0x1f4), 2049n)
  assert.equal(made?.core.readUInt16LE(0x1fc), 62)
  assert.equal(grubAt(grub, Buffer.alloc(512), Buffer.alloc(32_000)), undefined)
  assert.equal(grubAt(grub, boot, Buffer.alloc(4 * mib)), undefined)
})

const host = [
  'cloud-tools|main|Vendor|https://vendor.example/apt/',
  'bookworm|stable|Docker|https://docker.example/linux/debian/',
  'bookworm|main|Debian|http://mirror.example/debian/',
  'bookworm-updates|main|Debian|http://mirror.example/debian/',
  'bookworm-security|main|Debian|http://mirror.example/debian-security/',
].join('\n')

test("packages come from where the host's own come, for another release too", () => {
  const [main, updates, patches, ...more] = sourcesFor('debian-13', host)
  assert.match(main ?? '', / http:\/\/mirror\.example\/debian\/ trixie main$/)
  assert.match(updates ?? '', / trixie-updates main$/)
  assert.match(patches ?? '', / http:\/\/mirror\.example\/debian-security\/ trixie-security main$/)
  assert.deepEqual(more, [])
})

test('a host without Debian, or with an address that is none, has no sources', () => {
  assert.deepEqual(sourcesFor('debian-12', 'noble|main|Ubuntu|http://ubuntu.example/ubuntu/'), [])
  assert.deepEqual(sourcesFor('debian-12', 'bookworm|main|Debian|http://x/ [trusted=yes] y'), [])
  assert.deepEqual(sourcesFor('debian-12', ''), [])
})

test('no package can be taken away by its name, and none hides an option', () => {
  const isTaken = (name: string) => image.spec.safeParse({ build: { packages: [name] } }).success
  for (const name of ['cloud-init-', '-o', 'a,b', 'a b', 'a=1', 'a/b', 'A', '~n', '?x', ''])
    assert.equal(isTaken(name), false)
  for (const name of ['nginx', 'g++', 'libstdc++6', 'python3.11']) assert.equal(isTaken(name), true)
  assert.equal(packagesFor(['nginx', 'cloud-init']).filter((name) => name === 'cloud-init').length, 1)
})

test('each machine of an image makes its own identity', () => {
  const script = finishScript({ root: ids.root, efi: 'ABCD1234' })
  assert.match(script, /: > "\$root\/etc\/machine-id"/)
  assert.match(script, /ssh_host_\*_key\*/)
  assert.match(script, /random-seed/)
  const table = filesFor({ root: ids.root, efi: 'ABCD1234' }).find(({ name }) => name === 'fstab')
  assert.match(table?.text ?? '', /UUID=ABCD-1234 \/boot\/efi/)
})

test('how far a build is never goes back, and no word of a package is passed on', () => {
  const told: { step: string; fraction: number | null }[] = []
  const story = new Story((progress) => told.push(progress))
  const lines = [
    'I: running apt-get update...',
    'I: downloading packages with apt...',
    'I: extracting archives...',
    'I: installing remaining packages inside the chroot...',
    '0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.',
    ...['a', 'b', 'c'].map((name) => `Unpacking ${name} (1.0) ...`),
    '\u001b[31mevil <script>',
    ...['a', 'b'].map((name) => `Setting up ${name} (1.0) ...`),
    'I: running --customize-hook in shell: …',
    'I: running apt-get update...',
  ]
  for (const line of lines) story.hear(line)
  const fractions = told.map(({ fraction }) => fraction ?? 0)
  assert.deepEqual(
    fractions,
    [...fractions].sort((one, other) => one - other),
  )
  assert.ok(fractions.every((fraction) => fraction >= 0 && fraction <= 1))
  assert.ok(told.every(({ step }) => !step.includes('evil')))
})

test('I-48: packages that are old, or more than are kept, go', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-packages-'))
  try {
    for (const [name, ageDays, bytes] of [
      ['new.deb', 0, limits.packageKeepBytes - 10],
      ['later.deb', 1, 100],
      ['old.deb', 40, 1],
      ['old.txt', 40, 1],
    ] as const) {
      const path = join(folder, name)
      writeFileSync(path, '')
      truncateSync(path, bytes)
      const at = Date.now() / 1000 - ageDays * 86_400
      utimesSync(path, at, at)
    }
    await prunePackages(folder)
    assert.deepEqual(readdirSync(folder).sort(), ['new.deb', 'old.txt'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
