/**
 * How fast an image is taken in (judged, hashed, converted in the jail, hashed again, sealed), beside `qemu-img convert`
 * of the same file followed by `sync`, in turns within one run; for each format. `npm run bench -- import`
 */

import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openDirectory } from '../src/drivers/datastore/directory/directory.ts'
import { openImageMaker } from '../src/drivers/image/debian/maker.ts'
import { image as imageKind } from '../src/kinds/image/schema.ts'
import type { BenchOptions } from './main.ts'

const mebibyte = 1024 * 1024
/** A disk of 1.5 GiB of which 0.5 GiB are written: what a cloud image looks like. */
const [diskMib, writtenMib] = [1536, 512]

const forms = {
  qcow2: ['-O', 'qcow2'],
  raw: ['-O', 'raw'],
  vmdk: ['-O', 'vmdk', '-o', 'subformat=streamOptimized'],
  vdi: ['-O', 'vdi'],
  vhdx: ['-O', 'vhdx'],
} as const

export type Figure = {
  readonly importMs: number
  readonly qemuImgMs: number
  readonly ratio: number
  readonly importMibPerSecond: number
}

export const bench = {
  name: 'import',
  summary: 'taking an image in, beside qemu-img convert of the same file',
  run,
}

async function run({ rounds, folder: base }: BenchOptions): Promise<Record<string, Figure>> {
  const folder = mkdtempSync(join(base, 'decant-bench-'))
  try {
    const source = sourceDisk(folder)
    const into = await openDirectory({ folder: join(folder, 'store') })
    const maker = await openImageMaker({ cacheFolder: join(folder, 'cache'), importFolders: [folder] })
    const figures: Record<string, Figure> = {}
    for (const [format, options] of Object.entries(forms)) {
      const file = join(folder, `disk.${format}`)
      execFileSync('qemu-img', ['convert', '-f', 'raw', ...options, source, file])
      const take = async () => {
        const id = randomUUID()
        const spec = imageKind.spec.parse({ path: file, format: 'auto' })
        await maker.make(id, into, { spec, volume: null }, () => {}, new AbortController().signal)
        return () => into.removeImage(id, new AbortController().signal)
      }
      const convert = async () => {
        const made = join(folder, 'made.qcow2')
        execFileSync('qemu-img', ['convert', '-f', format, '-O', 'qcow2', file, made])
        execFileSync('sync', ['-d', made])
        return async () => rmSync(made)
      }
      figures[format] = figureOf(await turns(rounds, take, convert), statSync(file).size)
      rmSync(file)
    }
    return figures
  } finally {
    rmSync(folder, { recursive: true })
  }
}

type Act = () => Promise<() => Promise<void>>

/** Both in turns, so that the disk's moods are shared. */
async function turns(rounds: number, take: Act, convert: Act) {
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    ours.push(await timed(take))
    theirs.push(await timed(convert))
  }
  return { ours: middle(ours), theirs: middle(theirs) }
}

async function timed(act: Act): Promise<number> {
  const startedAt = performance.now()
  const undo = await act()
  const took = performance.now() - startedAt
  await undo()
  return took
}

const middle = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const figureOf = ({ ours, theirs }: { ours: number; theirs: number }, fileBytes: number): Figure => ({
  importMs: Math.round(ours),
  qemuImgMs: Math.round(theirs),
  ratio: Number((ours / theirs).toFixed(2)),
  importMibPerSecond: Math.round(fileBytes / mebibyte / (ours / 1000)),
})

/** Pieces of noise and of text with holes between them. */
function sourceDisk(folder: string): string {
  const file = join(folder, 'source.raw')
  const handle = openSync(file, 'wx')
  ftruncateSync(handle, diskMib * mebibyte)
  const text = Buffer.alloc(mebibyte, 'what a file system holds, again and again; ')
  for (let index = 0; index < writtenMib; index++) {
    const piece = index % 2 === 0 ? randomBytes(mebibyte) : text
    writeSync(handle, piece, 0, mebibyte, Math.floor((index * diskMib) / writtenMib) * mebibyte)
  }
  closeSync(handle)
  return file
}
