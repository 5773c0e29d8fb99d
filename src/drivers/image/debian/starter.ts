/** Builds the starter image: Debian's cloud kernel, a small first root file system, a root disk of busybox. */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Datastore } from '#drivers/datastore/port.ts'
import { Problem } from '#model/problem.ts'
import { cpio, device, file, folder, program } from './archive.ts'
import { commandLineFor, firstInit, guestFiles, guestFolders, type Console, type Groups } from './guest.ts'
import { diskModules, firstModules, laterModules, openModules } from './modules.ts'
import { obtainPackages, type Say } from './packages.ts'
import { runTool, type Run } from './tool.ts'

/** Room for a guest's own files. The disk is sparse: it takes about 8 MiB until it is written to. */
const diskBytes = 512 * 1024 * 1024

export type Target = { readonly architecture: string; readonly debian: string; readonly console: Console }

const targets: Readonly<Record<string, Target>> = {
  x64: { architecture: 'x86_64', debian: 'amd64', console: { tty: 'ttyS0', speed: 115_200 } },
  arm64: { architecture: 'aarch64', debian: 'arm64', console: { tty: 'ttyAMA0', speed: 115_200 } },
}

/** What the starter image is built for, by the name that Node gives a processor. */
export function targetFor(processor: string): Target {
  const target = targets[processor]
  if (target === undefined)
    throw new Problem('tool/failed', {
      tool: 'The starter image',
      why: `there is none for processors of the kind ${processor}`,
    })
  return target
}

type Facts = Parameters<Datastore['seal']>[1]

/** Puts kernel, initrd and disk.raw into `draft`. `cache` keeps the packages and the unpacked files. */
export async function fillStarter(
  draft: string,
  { cache, target }: { cache: string; target: Target },
  say: Say,
  signal: AbortSignal,
): Promise<Facts> {
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'build-'))
  const run: Run = { signal, folder: work }
  try {
    const packages = await obtainPackages(join(cache, 'packages'), target.debian, say, run)
    say('Unpacking kernel and busybox', 0.5, 3)
    for (const [name, deb] of Object.entries(packages)) {
      await mkdir(join(work, name))
      await runTool('dpkg-deb', ['-x', deb, join(work, name)], run)
    }
    say('Choosing kernel modules', 0.7, 2)
    const { kernel, modules } = await kernelIn(join(work, 'kernel'))
    const busybox = await firstOf(work, ['busybox/bin/busybox', 'busybox/usr/bin/busybox'])
    const groups = await chosenModules(modules, busybox, run)
    await copyFile(kernel, join(draft, 'kernel'))
    await writeFile(join(draft, 'initrd'), initrd(groups, await readFile(busybox)))
    say('Making the root disk', 0.75, 2)
    const disk = join(draft, 'disk.raw')
    await makeDisk(disk, await fillRoot(join(work, 'root'), busybox, target, run), run)
    say('Computing its checksum', 0.8, 1)
    return {
      virtualBytes: diskBytes,
      sha256: await sha256Of(disk, signal),
      format: 'raw',
      boot: 'kernel',
      commandLine: commandLineFor(target.console),
      architecture: target.architecture,
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function firstOf(folder: string, names: readonly string[]): Promise<string> {
  const name = names.find((name) => existsSync(join(folder, name)))
  if (name === undefined)
    throw new Problem('tool/failed', { tool: 'dpkg-deb', why: `the package has no ${names.join(' or ')}` })
  return join(folder, name)
}

async function kernelIn(unpacked: string) {
  const boot = join(unpacked, 'boot')
  const name = (await readdir(boot)).find((name) => name.startsWith('vmlinuz-'))
  if (name === undefined)
    throw new Problem('tool/failed', { tool: 'dpkg-deb', why: 'the kernel package has no kernel' })
  const version = name.slice('vmlinuz-'.length)
  const modules = await firstOf(unpacked, [`lib/modules/${version}`, `usr/lib/modules/${version}`])
  return { kernel: join(boot, name), modules }
}

/** Debian 13 packs modules with xz; busybox, which is at hand and fits this processor, unpacks them. */
async function chosenModules(modules: string, busybox: string, run: Run): Promise<Groups> {
  const set = await openModules(modules, async (path) => {
    if (path.endsWith('.xz')) {
      const copy = join(run.folder, 'module.ko.xz')
      await copyFile(path, copy)
      await runTool(busybox, ['unxz', '-f', copy], run)
      return await readFile(join(run.folder, 'module.ko'))
    }
    return await readFile(path)
  })
  return {
    first: await set.take(firstModules),
    disk: await set.take(diskModules),
    later: await set.take(laterModules, 'optional'),
  }
}

const initrd = (groups: Groups, busybox: Uint8Array) =>
  cpio([
    ...['bin', 'dev', 'modules', 'proc', 'root', 'run', 'sys'].map(folder),
    device('dev/console', 5, 1),
    program('bin/busybox', busybox),
    program('init', firstInit(groups)),
    ...[...groups.first, ...groups.disk, ...groups.later].map(({ name, content }) =>
      file(`modules/${name}.ko`, content),
    ),
  ])

/** Lays out the root file system in a folder; says every path in it. */
async function fillRoot(root: string, busybox: string, { console }: Target, run: Run) {
  await mkdir(root)
  for (const name of guestFolders) await mkdir(join(root, name))
  await copyFile(busybox, join(root, 'bin/busybox'))
  await chmod(join(root, 'bin/busybox'), 0o755)
  const applets = (await runTool(busybox, ['--list-full'], run)).split('\n').filter((path) => path !== '')
  const links = applets.filter((path) => /^(usr\/)?s?bin\/[\w[.-]+$/.test(path) && path !== 'bin/busybox')
  for (const path of links) await symlink('/bin/busybox', join(root, path))
  if (!links.includes('sbin/init')) await symlink('/bin/busybox', join(root, 'sbin/init'))
  for (const { path, mode, text } of guestFiles(console)) {
    await writeFile(join(root, path), text)
    await chmod(join(root, path), mode)
  }
  return { root, paths: await readdir(root, { recursive: true }) }
}

/** Makes the file system from the folder; no mount, no loop device, no root. */
async function makeDisk(disk: string, { root, paths }: { root: string; paths: string[] }, run: Run) {
  const size = `${diskBytes / 1024}k`
  const features = [
    '-t',
    'ext4',
    '-m',
    '0',
    '-L',
    'decant-root',
    '-E',
    'root_owner=0:0,lazy_itable_init=1',
    '-J',
    'size=4',
  ]
  await runTool('mke2fs', ['-q', '-F', ...features, '-d', root, '--', disk, size], run)
  if (process.getuid?.() === 0) return
  // Made by an ordinary user, the files carry that user's number: give them to root inside the image.
  const script = join(run.folder, 'owners')
  const lines = paths.flatMap((path) => [`sif "/${path}" uid 0`, `sif "/${path}" gid 0`])
  await writeFile(script, `${lines.join('\n')}\n`)
  await runTool('debugfs', ['-w', '-f', script, disk], run)
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: 1_048_576, signal })) hash.update(piece)
  return hash.digest('hex')
}
