/** Machines with everything: each boots for real, which takes minutes in all. `npm run test:long`. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { GuestShape } from '#kinds/guest/parts.ts'
import { realClock } from '#drivers/clock/real/clock.ts'
import type { Body, Hypervisor } from '#drivers/hypervisor/port.ts'
import { openQemu } from '#drivers/hypervisor/qemu/qemu.ts'
import { guestFiles } from '../hypervisor-guest.ts'
import { answerOf, filesIn, growingBody, promptOf } from '../hypervisor-parts.ts'
import { diskOf, liveWorld, never } from '../hypervisor-world.ts'

const patienceMs = 180_000

type Place = { readonly driver: Hypervisor; readonly id: string; readonly fileOf: ReturnType<typeof filesIn> }

async function place(t: TestContext, shareFolders: readonly string[] = []): Promise<Place> {
  const world = await liveWorld()
  const driver = await openQemu({ folder: world.folder, clock: realClock, shareFolders })
  t.after(() => driver.close().then(() => world.close()))
  return { driver, id: randomUUID(), fileOf: filesIn(world) }
}

const shaped = (body: Body, shape: Partial<GuestShape>, rest: Partial<Body> = {}): Body => ({
  ...body,
  // Boot loaders want room for a whole kernel beside the firmware.
  spec: {
    ...body.spec,
    memoryMib: 512,
    shape: GuestShape.parse({ ...body.spec.shape, memoryMaxMib: null, ...shape }),
  },
  ...rest,
})

async function until({ driver, id }: Place, words: RegExp) {
  const deadline = realClock.monotonic() + patienceMs
  for (;;) {
    const log = Buffer.from(await driver.serialLog(id)).toString('latin1')
    if (words.test(log)) return
    assert.ok(realClock.monotonic() < deadline, log.slice(-2000))
    await realClock.sleep(200)
  }
}

/** A disk with vendors' signed boot loaders and Debian's signed kernel; `spoil` changes one byte of the first. */
function signedDisk(spoil: boolean): string {
  const work = mkdtempSync(join(tmpdir(), 'decant-signed-'))
  const within = { cwd: work, stdio: 'pipe' } as const
  execFileSync('apt-get', ['download', '-q', 'shim-signed', 'grub-efi-amd64-signed', 'mtools'], within)
  for (const file of globSync('*.deb', { cwd: work })) execFileSync('dpkg-deb', ['-x', file, 'tree'], within)
  const [shim, grub] = [
    join(work, 'tree/usr/lib/shim/shimx64.efi.signed'),
    join(work, 'tree/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed'),
  ]
  if (spoil) {
    const bytes = readFileSync(shim)
    bytes[bytes.length >> 1] = ((bytes[bytes.length >> 1] ?? 0) + 1) & 255
    writeFileSync(shim, bytes)
  }
  const { kernelFile, initrdFile } = guestFiles('parts')
  const menu = join(work, 'grub.cfg')
  writeFileSync(menu, 'linux /kernel console=ttyS0 quiet panic=0\ninitrd /initrd\nboot\n')
  const disk = join(work, 'disk.raw')
  writeFileSync(disk, '')
  truncateSync(disk, 64 * 2 ** 20)
  const mtools = (...words: string[]) =>
    execFileSync(join(work, 'tree/usr/bin/mtools'), [
      '-c',
      ...words.slice(0, 1),
      '-i',
      disk,
      ...words.slice(1),
    ])
  mtools('mformat', '-F', '::')
  mtools('mmd', '::EFI', '::EFI/BOOT', '::EFI/debian')
  mtools('mcopy', shim, '::EFI/BOOT/BOOTX64.EFI')
  mtools('mcopy', grub, '::EFI/BOOT/grubx64.efi')
  mtools('mcopy', menu, '::EFI/debian/grub.cfg')
  mtools('mcopy', kernelFile, '::kernel')
  mtools('mcopy', initrdFile, '::initrd')
  return disk
}

test('secure boot lets a signed system in, and it knows of it', async (t) => {
  const here = await place(t)
  const file = signedDisk(false)
  t.after(() => rmSync(join(file, '..'), { recursive: true }))
  chmodSync(file, 0o666)
  chmodSync(join(file, '..'), 0o755)
  const body = shaped(growingBody(diskOf({ file })), { isSecureBoot: true, hasTpm: true }, { kernel: null })
  await here.driver.spawn(here.id, body, never)
  await until(here, /\/ # /)
  const ask = (command: string) => answerOf(here.driver, here.id, command)
  assert.match(await ask('dmesg | grep -i "secure boot enabled"'), /enabled/i)
  assert.equal(await ask('ls /sys/class/tpm'), 'tpm0')
})

test('secure boot keeps a loader out that one byte was changed of', async (t) => {
  const here = await place(t)
  const file = signedDisk(true)
  t.after(() => rmSync(join(file, '..'), { recursive: true }))
  chmodSync(file, 0o666)
  chmodSync(join(file, '..'), 0o755)
  const body = shaped(growingBody(diskOf({ file })), { isSecureBoot: true }, { kernel: null })
  await here.driver.spawn(here.id, body, never)
  await until(here, /Access Denied|Security Violation/i)
})

test('a shared folder is read and written as allowed, and no link leads out of it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-share-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'nosuid,nodev,mode=0700', 'tmpfs', folder])
  t.after(() => {
    execFileSync('umount', [folder])
    rmSync(folder, { recursive: true })
  })
  mkdirSync(join(folder, 'web'))
  writeFileSync(join(folder, 'web/hello'), 'from the host')
  symlinkSync('/etc', join(folder, 'out'))
  const here = await place(t, [folder])
  const share = (tag: string, name: string, isReadOnly: boolean) => ({
    tag,
    folder: join(folder, name),
    isReadOnly,
  })
  const plain = growingBody(diskOf({ file: here.fileOf('disk0', 2 ** 24) }))
  await assert.rejects(
    here.driver.spawn(here.id, shaped(plain, { shares: [share('out', 'out', true)] }), never),
  )
  const shares = [share('web', 'web', false), share('look', 'web', true)]
  await here.driver.spawn(here.id, shaped(plain, { shares }), never)
  await promptOf(here.driver, here.id)
  const ask = (command: string) => answerOf(here.driver, here.id, command)
  assert.equal(
    await ask('mkdir /a /b; mount -t virtiofs web /a; mount -t virtiofs look /b; cat /a/hello'),
    'from the host',
  )
  assert.match(await ask('touch /b/new'), /Read-only/)
  assert.match(await ask('ln -s /etc/passwd /a/link; cat /a/link'), /No such file/)
  await ask('echo inside > /a/new')
  assert.equal(readFileSync(join(folder, 'web/new'), 'utf8'), 'inside\n')
})
