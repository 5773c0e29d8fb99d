/** Makes images on a Debian host, of whatever comes from wherever, and gives disks out again. */

import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { ExportOrder, ImageMaker, MakeOrder, Report } from '#drivers/image/port.ts'
import { sourceOf } from '#kinds/image/schema.ts'
import { Problem } from '#model/problem.ts'
import { buildDebian } from './build/build.ts'
import { copyVolume } from './copy.ts'
import { exported } from './export/export.ts'
import { fetchContent, type Resolve } from './fetch/fetch.ts'
import { copyFromFolder } from './folder.ts'
import { admit, type Admitted, type Arrived } from './intake.ts'
import { isRoot, jailUid } from './jail.ts'
import { Landing } from './landing.ts'
import { receivePart } from './receive.ts'
import { fullOr, refused } from './refusal.ts'
import { fillStarter, targetFor } from './starter.ts'

export type ImageMakerOptions = {
  /** Absolute folder for downloaded packages and for work in progress; made if absent. */
  readonly cacheFolder: string
  /** What the starter image is built for, as Node names it; this machine's own if absent. */
  readonly processor?: string
  /** Folders whose files may become images; none if absent. */
  readonly importFolders?: readonly string[]
  /** Whether addresses within this host's own networks may be fetched from. */
  readonly allowsPrivateAddresses?: boolean
  /** How names become addresses; the host's own way if absent. */
  readonly resolve?: Resolve
}

type Work = {
  readonly into: Datastore
  readonly draft: string
  readonly landing: Landing
  readonly order: MakeOrder
  readonly report: Report
  readonly signal: AbortSignal
}

/** What cannot be helped by trying again: the content itself is at fault. */
const lasting = new Set(['image/refused', 'image/checksum'])

/** Opens the maker and removes what an earlier life left half done in its cache. */
export async function openImageMaker(options: ImageMakerOptions): Promise<ImageMaker> {
  const { cacheFolder } = options
  await sweep(cacheFolder, /^build-[A-Za-z0-9]{6}$/)
  await sweep(join(cacheFolder, 'packages'), /^download-[A-Za-z0-9]{6}$/)
  return new DebianImageMaker(options)
}

async function sweep(folder: string, leftovers: RegExp) {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const name of await readdir(folder))
    if (leftovers.test(name)) await rm(join(folder, name), { recursive: true, force: true })
}

class DebianImageMaker implements ImageMaker {
  readonly name = 'debian'
  readonly reader = isRoot() ? jailUid : null
  readonly #options: ImageMakerOptions
  /** Images being made now: a second attempt at the same time would pull the draft from under the first. */
  readonly #busy = new Set<string>()

  constructor(options: ImageMakerOptions) {
    this.#options = options
  }

  async make(...[image, into, order, report, signal]: Parameters<ImageMaker['make']>): Promise<void> {
    if ((await into.observeImage(image)).state === 'ready') return
    await this.#alone(image, async () => {
      const landing = new Landing(await into.landing(image))
      await this.#sealing(image, into, { landing, signal }, (draft) =>
        this.#made({ into, draft, landing, order, report, signal }),
      )
    })
  }

  async landed(image: string, into: Datastore): Promise<number> {
    return (await new Landing(await into.landing(image)).mark()).bytes
  }

  async receive(...[image, into, content, wish, report, signal]: Parameters<ImageMaker['receive']>) {
    if ((await into.observeImage(image)).state === 'ready') throw refused('it has its content already')
    return await this.#alone(image, async () => {
      const landing = new Landing(await into.landing(image))
      const door = { into, content, wish, report, signal }
      const arrived = await clearing(landing, () => receivePart(landing, door))
      if (arrived === undefined) return 'partial'
      await this.#sealing(image, into, { landing, signal }, (draft) =>
        admit(arrived, { into, draft, spec: wish.spec, report, signal }),
      )
      return 'sealed'
    })
  }

  export(...[into, order, report, signal]: [Datastore, ExportOrder, Report, AbortSignal]) {
    return exported(into, order, report, signal)
  }

  async #made(work: Work): Promise<Admitted> {
    const { order, report, signal, draft } = work
    const source = sourceOf(order.spec)
    switch (source) {
      case 'starter': {
        const target = targetFor(this.#options.processor ?? process.arch)
        const say = (step: string, fraction: number | null, etaSeconds: number | null) =>
          report({ step, fraction, etaSeconds })
        const facts = await fillStarter(draft, { cache: this.#options.cacheFolder, target }, say, signal)
        return { facts, content: facts.sha256 }
      }
      case 'volume':
        return await copyVolume(work)
      case 'url':
        return await this.#admitted(work, () => fetchContent(work, this.#options))
      case 'path':
        return await this.#admitted(work, () => copyFromFolder(work, this.#options.importFolders ?? []))
      case 'build':
        return await buildDebian({ ...work, spec: order.spec, cacheFolder: this.#options.cacheFolder })
      case 'upload':
        throw refused('its content is sent, not made')
    }
  }

  async #admitted(work: Work, bring: () => Promise<Arrived>): Promise<Admitted> {
    return await admit(await bring(), { ...work, spec: work.order.spec })
  }

  async #alone<T>(image: string, act: () => Promise<T>): Promise<T> {
    if (this.#busy.has(image))
      throw new Problem('object/refused', { why: 'The image is being made already.' })
    this.#busy.add(image)
    try {
      return await act()
    } finally {
      this.#busy.delete(image)
    }
  }

  async #sealing(
    image: string,
    into: Datastore,
    { landing, signal }: { readonly landing: Landing; readonly signal: AbortSignal },
    fill: (draft: string) => Promise<Admitted>,
  ): Promise<void> {
    signal.throwIfAborted()
    try {
      const { facts, content } = await clearing(landing, async () => fill(await into.draft(image)))
      signal.throwIfAborted()
      await into.seal(image, facts, content)
    } catch (error) {
      await into.dropDraft(image)
      throw fullOr(error, into)
    }
  }
}

/** What came is kept, unless it can never become an image. */
async function clearing<T>(landing: Landing, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof Problem && lasting.has(error.code)) await landing.clear()
    throw error
  }
}
