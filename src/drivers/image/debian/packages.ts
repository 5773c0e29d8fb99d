/**
 * The Debian packages of the starter image: downloaded by apt-get, which checks their signatures, and kept,
 * so that a later build needs no network. Nothing is installed and no root is needed: where the host's own
 * package lists are missing or stale, lists of our own are fetched into a private folder.
 */

import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Problem } from '#model/problem.ts'
import { runTool, type Run } from './tool.ts'

/** How long kept packages are used without asking for newer ones: kernels get security updates. */
const freshMs = 7 * 24 * 3_600_000
/** The kernel, the largest, is 30 MiB; this is a slow line's time for it. */
const downloadMs = 600_000

const Kept = z.strictObject({
  version: z.literal(1),
  atMs: z.number(),
  architecture: z.string(),
  kernel: z.strictObject({ file: z.string().regex(/^[\w.+~%-]+\.deb$/), sha256: z.string() }),
  busybox: z.strictObject({ file: z.string().regex(/^[\w.+~%-]+\.deb$/), sha256: z.string() }),
})
type Kept = z.output<typeof Kept>

/** The two packages, as files. */
export type Packages = { readonly kernel: string; readonly busybox: string }

/** Tells a person what is being done, how much of the whole is done, and about how many seconds are left. */
export type Say = (step: string, fraction: number, etaSeconds: number) => void

const hashOf = async (file: string) =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex')

/** The packages for one Debian architecture (`amd64`, `arm64`), kept ones where they are fresh and whole. */
export async function obtainPackages(
  cache: string,
  architecture: string,
  say: Say,
  run: Run,
): Promise<Packages> {
  await mkdir(cache, { recursive: true })
  const kept = await keptPackages(cache, architecture)
  if (kept !== undefined && Date.now() - kept.atMs < freshMs) return filesOf(cache, kept)
  try {
    return await download(cache, architecture, say, run)
  } catch (error) {
    run.signal.throwIfAborted()
    if (kept === undefined) throw error
    say('Newer Debian packages cannot be reached; using the kept ones', 0.4, 4)
    return filesOf(cache, kept)
  }
}

const filesOf = (cache: string, { kernel, busybox }: Kept): Packages => ({
  kernel: join(cache, kernel.file),
  busybox: join(cache, busybox.file),
})

async function keptPackages(cache: string, architecture: string): Promise<Kept | undefined> {
  try {
    const kept = Kept.parse(JSON.parse(await readFile(join(cache, 'packages.json'), 'utf8')))
    const files = [kept.kernel, kept.busybox]
    const hashes = await Promise.all(files.map(({ file }) => hashOf(join(cache, file))))
    const isWhole = files.every(({ sha256 }, index) => sha256 === hashes[index])
    return isWhole && kept.architecture === architecture ? kept : undefined
  } catch {
    return undefined
  }
}

async function download(cache: string, architecture: string, say: Say, run: Run): Promise<Packages> {
  const folder = await mkdtemp(join(cache, 'download-'))
  const here = { ...run, folder, timeoutMs: downloadMs }
  try {
    say('Downloading busybox from Debian', 0.02, 10)
    const options = await usableLists(folder, architecture, say, here)
    const fetch = (name: string) => runTool('apt-get', [...options, 'download', '--', name], here)
    const meta = await newest(folder, `linux-image-cloud-${architecture}_`)
    const kernelName = await kernelBehind(meta, here)
    say('Downloading the kernel from Debian', 0.2, 8)
    await fetch(kernelName)
    const kernel = await newest(folder, `${kernelName}_`)
    const busybox = await newest(folder, 'busybox-static_')
    return await keep(cache, architecture, { kernel, busybox })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Options under which apt-get can download; busybox and the kernel's meta package are there afterwards. */
async function usableLists(folder: string, architecture: string, say: Say, run: Run): Promise<string[]> {
  const names = ['busybox-static', `linux-image-cloud-${architecture}`]
  const fetch = (options: string[]) => runTool('apt-get', [...options, 'download', '--', ...names], run)
  try {
    await fetch([])
    return []
  } catch (error) {
    run.signal.throwIfAborted()
    if (error instanceof Problem && error.code === 'tool/missing') throw error
  }
  say('Fetching the package lists of Debian', 0.05, 15)
  const options = await privateLists(folder)
  // It also fails when one unrelated source does; the download itself says whether it was enough.
  await runTool('apt-get', [...options, 'update'], run).catch((error: unknown) => {
    run.signal.throwIfAborted()
    if (!(error instanceof Problem)) throw error
  })
  await fetch(options)
  return options
}

async function privateLists(folder: string): Promise<string[]> {
  for (const name of ['state/lists/partial', 'cache/archives/partial'])
    await mkdir(join(folder, 'apt', name), { recursive: true })
  await writeFile(join(folder, 'apt', 'state', 'status'), '')
  const set = {
    'Dir::State': join(folder, 'apt', 'state'),
    'Dir::State::status': join(folder, 'apt', 'state', 'status'),
    'Dir::Cache': join(folder, 'apt', 'cache'),
    // apt's own download user may not enter a private folder; what is downloaded is checked all the same.
    ...(process.getuid?.() === 0 ? { 'APT::Sandbox::User': 'root' } : {}),
  }
  return Object.entries(set).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}

async function newest(folder: string, beginning: string): Promise<string> {
  const name = (await readdir(folder)).find((name) => name.startsWith(beginning) && name.endsWith('.deb'))
  if (name === undefined)
    throw new Problem('tool/failed', { tool: 'apt-get', why: `it brought no ${beginning}*.deb` })
  return join(folder, name)
}

/** The meta package depends on exactly one kernel. */
async function kernelBehind(meta: string, run: Run): Promise<string> {
  const depends = await runTool('dpkg-deb', ['-f', meta, 'Depends'], run)
  const [name] = /linux-image-[a-z0-9.+-]+/.exec(depends) ?? []
  if (name === undefined)
    throw new Problem('tool/failed', { tool: 'dpkg-deb', why: 'the kernel package names no kernel' })
  return name
}

/** Moves the packages into the cache under names without surprises, the record of them last. */
async function keep(cache: string, architecture: string, { kernel, busybox }: Packages): Promise<Packages> {
  const kept = {
    version: 1 as const,
    atMs: Date.now(),
    architecture,
    kernel: { file: `kernel-${architecture}.deb`, sha256: await hashOf(kernel) },
    busybox: { file: `busybox-${architecture}.deb`, sha256: await hashOf(busybox) },
  }
  await rename(kernel, join(cache, kept.kernel.file))
  await rename(busybox, join(cache, kept.busybox.file))
  await writeFile(join(cache, 'packages.json'), `${JSON.stringify(kept, undefined, 2)}\n`)
  return filesOf(cache, kept)
}
