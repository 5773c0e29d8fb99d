/** Makes images on a Debian host: the starter image from packages, and images from what people send. */

import { mkdir, open, readdir, rename, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { ImageMaker, Report } from '#drivers/image/port.ts'
import { Problem } from '#model/problem.ts'
import { judge, largestHeadBytes } from './format/header.ts'
import { convertJailed } from './jail.ts'
import { fillStarter, targetFor } from './starter.ts'
import { checkRoom, receiveUpload, refused, reserveBytes, type Door, type Upload } from './upload.ts'

export type ImageMakerOptions = {
  /** Absolute folder for downloaded packages and for work in progress; made if absent. */
  readonly cacheFolder: string
  /** What the starter image is built for, as Node names it; this machine's own if absent. */
  readonly processor?: string
}

type Facts = Parameters<Datastore['seal']>[1]

/** Opens the maker and removes what an earlier life left half done in its cache. */
export async function openImageMaker(options: ImageMakerOptions): Promise<ImageMaker> {
  const { cacheFolder, processor = process.arch } = options
  await sweep(cacheFolder, /^build-[A-Za-z0-9]{6}$/)
  await sweep(join(cacheFolder, 'packages'), /^download-[A-Za-z0-9]{6}$/)
  return new DebianImageMaker(cacheFolder, processor)
}

async function sweep(folder: string, leftovers: RegExp) {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const name of await readdir(folder))
    if (leftovers.test(name)) await rm(join(folder, name), { recursive: true, force: true })
}

class DebianImageMaker implements ImageMaker {
  readonly name = 'debian'
  readonly #cache: string
  readonly #processor: string
  /** Images being made now: a second attempt at the same time would pull the draft from under the first. */
  readonly #busy = new Set<string>()

  constructor(cache: string, processor: string) {
    this.#cache = cache
    this.#processor = processor
  }

  async buildStarter(image: string, into: Datastore, report: Report, signal: AbortSignal): Promise<void> {
    if ((await into.observeImage(image)).state === 'ready') return
    await this.#making(image, into, signal, (draft) =>
      fillStarter(
        draft,
        { cache: this.#cache, target: targetFor(this.#processor) },
        (step, fraction, etaSeconds) => report({ step, fraction, etaSeconds }),
        signal,
      ),
    )
  }

  async receive(...[image, into, content, wish, report, signal]: Parameters<ImageMaker['receive']>) {
    if ((await into.observeImage(image)).state === 'ready') throw refused('it has its content already')
    await this.#making(image, into, signal, async (draft) => {
      const door = { into, content, wish, report, signal }
      return await accepted(draft, await receiveUpload(join(draft, 'upload'), door), door)
    })
  }

  async #making(
    image: string,
    into: Datastore,
    signal: AbortSignal,
    fill: (draft: string) => Promise<Facts>,
  ) {
    signal.throwIfAborted()
    if (this.#busy.has(image))
      throw new Problem('object/refused', { why: 'The image is being made already.' })
    this.#busy.add(image)
    try {
      const facts = await fill(await into.draft(image))
      signal.throwIfAborted()
      await into.seal(image, facts)
    } catch (error) {
      if ((await into.observeImage(image)).state === 'partial')
        await into.removeImage(image, new AbortController().signal)
      throw fullOr(error, into)
    } finally {
      this.#busy.delete(image)
    }
  }
}

/** Judges an upload by its own bytes and makes the disk of it. */
async function accepted(draft: string, upload: Upload, { into, wish, report, signal }: Door): Promise<Facts> {
  const verdict = judge(upload, wish.format)
  if ('why' in verdict) throw refused(verdict.why)
  const { format, virtualBytes } = verdict
  if (format === 'raw') {
    await truncate(join(draft, 'upload'), virtualBytes)
    await rename(join(draft, 'upload'), join(draft, 'disk.raw'))
  } else {
    report({ step: 'Checking and rewriting the image in a jail', fraction: null, etaSeconds: null })
    await rewritten(draft, upload, { into, virtualBytes, signal })
    await rm(join(draft, 'upload'))
    await checkOwn(join(draft, 'disk.qcow2'))
  }
  const { sha256 } = upload
  return { virtualBytes, sha256, format, boot: 'disk', commandLine: '', architecture: 'any' }
}

type Room = { readonly into: Datastore; readonly virtualBytes: number; readonly signal: AbortSignal }

/** Converts in the jail, within the room that there is. */
async function rewritten(draft: string, upload: Upload, { into, virtualBytes, signal }: Room): Promise<void> {
  await checkRoom(into, 0)
  const { freeBytes } = await into.look()
  // A qcow2 file is never larger than its disk and its tables.
  const neededBytes = Math.ceil(virtualBytes * 1.01) + 16 * 1024 ** 2
  const largestBytes = Math.min(freeBytes - reserveBytes, neededBytes)
  try {
    await convertJailed({ draft, uploadBytes: upload.fileBytes, largestBytes }, signal)
  } catch (error) {
    const isTooLarge = error instanceof Problem && /too large|No space/i.test(String(error.facts['why']))
    if (!isTooLarge || largestBytes === neededBytes) throw error
    throw new Problem('datastore/full', { datastore: into.name, freeBytes, neededBytes }, { cause: error })
  }
}

/** What came out of the jail is judged like what went in. */
async function checkOwn(disk: string) {
  await using handle = await open(disk, 'r')
  const { size } = await handle.stat()
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(largestHeadBytes), 0, largestHeadBytes, 0)
  const verdict = judge(
    { head: buffer.subarray(0, bytesRead), tail: Buffer.alloc(0), fileBytes: size },
    'qcow2',
  )
  if ('why' in verdict) throw refused(`its conversion went wrong: ${verdict.why}`)
}

function fullOr(error: unknown, into: Datastore): unknown {
  const isFull = error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOSPC'
  if (!isFull) return error
  return new Problem(
    'datastore/full',
    { datastore: into.name, freeBytes: 0, neededBytes: 1 },
    { cause: error },
  )
}
