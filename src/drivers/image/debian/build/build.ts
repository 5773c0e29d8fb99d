/**
 * Builds a Debian: mmdebstrap installs it into a folder, mke2fs makes that a file system within a disk, GRUB is put where
 * BIOS and UEFI look for it. No mount, no loop device; whatever runs of the packages runs in a jail.
 */

import { randomBytes, randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, open, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { Report } from '#drivers/image/port.ts'
import type { ImageSpec } from '#kinds/image/schema.ts'
import { Problem } from '#model/problem.ts'
import { strangerDisk } from '../convert.ts'
import { rewritten, type Admitted } from '../intake.ts'
import { isRoot } from '../jail.ts'
import { checkRoom, refused } from '../refusal.ts'
import { hostProxies, hostSources, releases } from './mirrors.ts'
import { prunePackages, watchRoom } from './keeping.ts'
import { grubAt, layoutOf, sectorBytes, tablesOf } from './partitions.ts'
import { beginScript, efiGrub, filesFor, finishScript, packagesFor, type Marks } from './recipe.ts'
import { roomUid, runIn, type Room, type Task } from './room.ts'
import { Story } from './story.ts'

export type Building = {
  readonly into: Datastore
  readonly draft: string
  readonly spec: ImageSpec
  readonly cacheFolder: string
  readonly report: Report
  readonly signal: AbortSignal
}

/** A shared machine without KVM needs five minutes; a slow line's time is added. */
const installMs = 3_600_000
const shortMs = 900_000
/** A minimal Debian of ours, unpacked twice: in the folder, on the disk. */
const neededBytes = 3 * 1024 ** 3
const mib = 1024 ** 2

export async function buildDebian(building: Building): Promise<Admitted> {
  const { draft, into, spec, cacheFolder, report, signal } = building
  const wish = spec.build
  if (wish === null) throw refused('it does not say what is to be built')
  if (process.arch !== 'x64') throw refused('Debian is built on x86-64 hosts only')
  await checkRoom(into, neededBytes)
  const work = await mkdtemp(join(draft, 'build-'))
  const packages = join(cacheFolder, `packages-${wish.distribution}`)
  await mkdir(packages, { recursive: true, mode: 0o700 })
  await prunePackages(packages)
  const spare = watchRoom(into)
  const room: Room = {
    work,
    packages,
    signal: AbortSignal.any([signal, spare.signal]),
    environment: proxies(),
  }
  const story = new Story(report)
  try {
    const marks: Marks = { root: randomUUID(), efi: randomBytes(4).toString('hex').toUpperCase() }
    await layOut(room, marks)
    await install(room, building, wish, story)
    const diskBytes = wish.sizeMib * mib
    const disk = await assemble(room, marks, diskBytes, story)
    const read = { ...building, report }
    const content = await rewritten(strangerDisk(disk, 'raw'), { virtualBytes: diskBytes }, read)
    const facts = { virtualBytes: diskBytes, sha256: content, format: 'qcow2', boot: 'disk' } as const
    const rest = {
      commandLine: '',
      architecture: 'x86_64',
      cameAs: wish.distribution,
      medium: 'disk',
    } as const
    return { content, facts: { ...facts, ...rest } }
  } finally {
    spare.end()
    await clear(room)
  }
}

/** How this host reaches Debian's mirrors, where that is said by the environment. */
const proxies = () =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      /^(https?|no|ftp)_proxy$/i.test(name) && value !== undefined ? [[name, value]] : [],
    ),
  )

async function layOut({ work }: Room, marks: Marks) {
  await mkdir(join(work, 'files'))
  await mkdir(join(work, 'root'))
  for (const { name, text } of filesFor(marks)) await writeFile(join(work, 'files', name), text)
  await writeFile(join(work, 'files', 'efi.cfg'), efiGrub(marks))
  for (const [name, text] of [
    ['begin', beginScript],
    ['finish', finishScript(marks)],
  ] as const) {
    await writeFile(join(work, name), text)
    await chmod(join(work, name), 0o755)
  }
}

/** The jail's root owns its folders; nobody else enters them. */
async function own(...folders: readonly string[]) {
  if (!isRoot()) return
  for (const folder of folders) {
    await chown(folder, roomUid, roomUid)
    for (const name of await readdir(folder, { withFileTypes: true }))
      if (name.isDirectory() || name.isFile()) await chown(join(folder, name.name), roomUid, roomUid)
  }
}

async function install(
  room: Room,
  { signal }: Building,
  { distribution, packages, sizeMib }: NonNullable<ImageSpec['build']>,
  story: Story,
) {
  const run = { signal, folder: room.work }
  story.at('lists')
  const sources = await hostSources(distribution, run)
  const options = (await hostProxies(run)).map((line) => `--aptopt=${line}`)
  await writeFile(join(room.work, 'sources'), `${sources.join('\n')}\n`)
  await own(room.work, join(room.work, 'files'), room.packages)
  await runIn(room, {
    tool: 'mmdebstrap',
    package: 'mmdebstrap',
    argv: [
      ['--mode=root', '--variant=minbase', '--format=directory', '--verbose', '--skip=download/empty'],
      ['--skip=essential/unlink,check/empty', ...options],
      ['--setup-hook=/work/begin', '--customize-hook=/work/finish'],
      [`--include=${packagesFor(packages).join(',')}`, '--', releases[distribution], '/work/root'],
      ['/work/sources'],
    ].flat(),
    timeoutMs: installMs,
    fileBytes: sizeMib * mib,
    onLine: (line) => story.hear(line),
  })
}

/** The disk, put together within the work folder. */
async function assemble(room: Room, marks: Marks, diskBytes: number, story: Story): Promise<string> {
  const ids = { grub: randomUUID(), efi: randomUUID(), root: randomUUID() }
  const layout = layoutOf(diskBytes, ids)
  const disk = join(room.work, 'disk.raw')
  story.at('fileSystem')
  await writeFile(disk, '', { flag: 'wx' })
  await truncate(disk, diskBytes)
  if (isRoot()) await chown(disk, roomUid, roomUid)
  const task = (tool: string, from: string, argv: readonly string[]): Task => ({
    tool,
    argv,
    package: from,
    timeoutMs: shortMs,
    fileBytes: diskBytes,
  })
  const { root, efi } = layout
  const features = ['-t', 'ext4', '-m', '1', '-L', 'root', '-U', marks.root]
  const where = ['-E', `offset=${root.at},lazy_itable_init=1`, '-d', '/work/root']
  const size = [`/work/disk.raw`, `${root.bytes / 1024}k`]
  await runIn(room, task('mke2fs', 'e2fsprogs', ['-q', '-F', ...features, ...where, '--', ...size]))
  story.at('grub')
  const image = ['-i', `/work/disk.raw@@${efi.at}`]
  const shape = ['-T', String(efi.bytes / sectorBytes), '-h', '64', '-s', '32', '-N', marks.efi, '-v', 'EFI']
  await runIn(room, task('mformat', 'mtools', [...image, ...shape, '::']))
  const folders = ['::/EFI', '::/EFI/BOOT', '::/EFI/debian']
  await runIn(room, task('mmd', 'mtools', [...image, ...folders]))
  for (const [from, to] of efiFiles)
    await runIn(room, task('mcopy', 'mtools', [...image, `/work/${from}`, `::/EFI/${to}`]))
  const { boot, core } = await beginnings(room, layout)
  const tables = tablesOf(diskBytes, randomUUID(), layout, boot)
  await using handle = await open(disk, constants.O_RDWR | constants.O_NOFOLLOW)
  for (const { at, bytes } of [...tables, { at: layout.grub.at, bytes: core }])
    await handle.write(bytes, 0, bytes.length, at)
  await handle.chmod(0o644)
  // Whatever the jail still held open is gone with it; from here on it is nobody's but ours.
  await handle.chown(process.getuid?.() ?? 0, process.getgid?.() ?? 0)
  return disk
}

const efiFiles = [
  ['efi/bootx64.efi', 'BOOT/BOOTX64.EFI'],
  ['efi/grubx64.efi', 'BOOT/grubx64.efi'],
  ['efi/mmx64.efi', 'BOOT/mmx64.efi'],
  ['efi/bootx64.efi', 'debian/shimx64.efi'],
  ['efi/grubx64.efi', 'debian/grubx64.efi'],
  ['efi/mmx64.efi', 'debian/mmx64.efi'],
  ['files/efi.cfg', 'debian/grub.cfg'],
] as const

async function beginnings({ work }: Room, layout: ReturnType<typeof layoutOf>) {
  const [boot, core] = [await smallFile(join(work, 'boot.img')), await smallFile(join(work, 'core.img'))]
  const made = grubAt(layout.grub, boot, core)
  if (made === undefined)
    throw new Problem('tool/failed', { tool: 'grub-mkimage', why: 'what it made is no GRUB' })
  return made
}

/** A file that the jail wrote: no link, and no larger than its place. */
async function smallFile(path: string): Promise<Buffer> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  const { size } = await handle.stat()
  const bytes = Buffer.alloc(Math.min(size, 3 * mib))
  await handle.read(bytes, 0, bytes.length, 0)
  return bytes
}

/** What belongs to users of the jail is removed in it, where we are not root. */
async function clear(room: Room) {
  if (!isRoot()) {
    const signal = AbortSignal.timeout(shortMs)
    const task = { tool: 'rm', package: 'coreutils', timeoutMs: shortMs, fileBytes: mib }
    await runIn({ ...room, signal }, { ...task, argv: ['-rf', '--', '/work/root'] }).catch(() => {})
  }
  await rm(room.work, { recursive: true, force: true })
}
