/**
 * A datastore in a thin pool of LVM: volumes are thin logical volumes; images, drafts and guests' memory lie in a directory
 * datastore beside it (`files`). An image becomes a logical volume when the first volume begins with it.
 */

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { inert } from '#base/text.ts'
import { Bug } from '#base/assert.ts'
import { Problem } from '#model/problem.ts'
import { reason, type Reason } from '#model/plan.ts'
import type { Datastore, Keys, Progress, VolumeMerge, VolumeWish } from '#drivers/datastore/port.ts'
import { absentVolume } from './chains.ts'
import { copyInto } from './content.ts'
import { Lvm } from './lvm.ts'
import { Pieces } from './pieces.ts'
import { Records } from './records.ts'
import { isId, poolOf, type Pool } from './telling.ts'
import { ThinVolumes } from './volumes.ts'

export type ThinOptions = {
  /** Id and name of the datastore. */
  readonly id: string
  readonly name: string
  /** GROUP/POOL. */
  readonly source: string
  /** Where its notes and device nodes lie; its own, reachable by guests. */
  readonly folder: string
  /** Where its images lie. */
  readonly files: Datastore
  readonly lvm?: Lvm
}

export type Thin = { readonly datastore: Datastore; check(): Promise<Reason | undefined> }

/** From here on the metadata of a pool is called nearly full: a pool whose metadata is full takes no more writes. */
const metadataPercent = 90

export async function openThin(options: ThinOptions): Promise<Thin | Reason> {
  const pool = poolOf(options.source)
  if (pool === undefined) return reason('datastore/source-form', { form: 'GROUP/POOL' })
  const lvm = options.lvm ?? new Lvm(pool, options.id)
  const check = () => faultOf(lvm, pool)
  const fault = await check()
  if (fault !== undefined) return fault
  const datastore = new ThinDatastore(options, lvm)
  await datastore.load()
  return { datastore, check }
}

async function faultOf(lvm: Lvm, { group, pool }: Pool): Promise<Reason | undefined> {
  const source = `${group}/${pool}`
  try {
    const sight = await lvm.pool()
    if (sight === undefined || !sight.isThinPool)
      return reason('datastore/no-pool', { source, why: 'it is no thin pool' })
    if (!sight.isZeroing) return reason('datastore/no-zeroing', { source })
    return sight.metadataPercent >= metadataPercent
      ? reason('datastore/metadata-filling', { percent: Math.floor(sight.metadataPercent) })
      : undefined
  } catch (fault) {
    if (!(fault instanceof Problem)) throw fault
    if (fault.code === 'tool/missing') return reason('datastore/no-tool', { tool: 'lvs', package: 'lvm2' })
    return reason('datastore/no-pool', { source, why: String(fault.facts['why'] ?? fault.code) })
  }
}

class ThinDatastore implements Datastore {
  readonly name: string
  readonly #lvm: Lvm
  readonly #files: Datastore
  readonly #pieces: Pieces
  readonly #volumes: ThinVolumes
  /** Volumes that are being made → the image that they begin with. */
  readonly #creating = new Map<string, string | null>()
  readonly #leaving = new Set<string>()
  readonly #imaging = new Map<string, Promise<{ piece: string; sizeBytes: number }>>()

  constructor({ name, folder, files }: ThinOptions, lvm: Lvm) {
    this.name = name
    this.#lvm = lvm
    this.#files = files
    this.#pieces = new Pieces(lvm, join(folder, 'nodes'))
    const records = new Records(join(folder, 'volumes'))
    this.#volumes = new ThinVolumes(records, this.#pieces, (image, signal) => this.#imagePiece(image, signal))
  }

  load() {
    return this.#attempt(async () => {
      await this.#volumes.records.load()
      await this.#pieces.load(this.#volumes.records.named())
    })
  }

  look() {
    return this.#attempt(async () => {
      const sight = await this.#lvm.pool()
      if (sight === undefined) throw new Error('its thin pool is gone')
      const { sizeBytes, dataPercent } = sight
      const freeBytes = Math.max(0, Math.floor((sizeBytes * (100 - dataPercent)) / 100))
      return { capacityBytes: sizeBytes, freeBytes, hasReflink: true }
    })
  }

  volumes = () => this.#attempt(async () => this.#volumes.list())

  observe = (volume: string) =>
    this.#about(volume, async () => {
      const sight = await this.#volumes.observe(volume)
      const isMaking = sight.state === 'absent' && this.#creating.has(volume)
      return isMaking ? { ...absentVolume, state: 'creating' as const } : sight
    })

  create = (volume: string, wish: VolumeWish, signal: AbortSignal, report?: Progress) =>
    this.#about(
      volume,
      async () => {
        if (wish.image !== null && this.#leaving.has(wish.image))
          throw this.#failed(`image ${wish.image} is being removed`)
        if (wish.isFull === true)
          throw new Problem('feature/not-here', {
            what: 'allocation full',
            why: 'a thin pool gives room as it is written',
          })
        this.#creating.set(volume, wish.image)
        await this.#volumes
          .create(volume, wish, { signal, report })
          .finally(() => this.#creating.delete(volume))
      },
      signal,
    )

  grow = (volume: string, sizeBytes: number, signal: AbortSignal, keys: Keys = {}) =>
    this.#about(volume, () => this.#volumes.grow(volume, sizeBytes, keys, signal), signal)
  remove = (volume: string, signal: AbortSignal) =>
    this.#about(volume, () => this.#volumes.remove(volume), signal)
  open = (volume: string, ownerUid: number | null) =>
    this.#about(volume, () => this.#volumes.open(volume, ownerUid))
  layer = (volume: string, snapshot: string) =>
    this.#about(volume, () => this.#volumes.layer(volume, snapshot))
  prepareTop = (volume: string, wish: Parameters<Datastore['prepareTop']>[1], signal: AbortSignal) =>
    this.#about(volume, () => this.#volumes.prepareTop(volume, wish, signal), signal)
  raiseTop = (volume: string, snapshot: string) =>
    this.#about(volume, () => this.#volumes.raiseTop(volume, snapshot))
  lowerTop = (volume: string, snapshot: string) =>
    this.#about(volume, () => this.#volumes.lowerTop(volume, snapshot))
  revert = (volume: string, wish: Parameters<Datastore['revert']>[1], signal: AbortSignal) =>
    this.#about(volume, () => this.#volumes.revert(volume, wish), signal)
  dropLayer = (volume: string, snapshot: string) =>
    this.#about(volume, () => this.#volumes.dropLayer(volume, snapshot))
  merge = (volume: string, keys: Keys, signal: AbortSignal, report?: Progress) =>
    this.#about(volume, () => this.#volumes.merge(volume, keys, signal, report), signal)
  merged = (volume: string, merge: VolumeMerge) =>
    this.#about(volume, () => this.#volumes.merged(volume, merge))
  arrived = (volume: string) => this.#about(volume, () => this.#volumes.arrived(volume))

  memoryPlace = (snapshot: string) => this.#files.memoryPlace(snapshot)
  memory = (snapshot: string) => this.#files.memory(snapshot)
  removeMemory = (snapshot: string) => this.#files.removeMemory(snapshot)
  observeImage = (image: string) => this.#files.observeImage(image)
  images = () => this.#files.images()
  draft = (image: string) => this.#files.draft(image)
  dropDraft = (image: string) => this.#files.dropDraft(image)
  landing = (image: string) => this.#files.landing(image)
  seal = (...words: Parameters<Datastore['seal']>) => this.#files.seal(...words)
  imageFiles = (image: string) => this.#files.imageFiles(image)

  removeImage = (image: string, signal: AbortSignal) =>
    this.#about(
      image,
      async () => {
        const volume = this.#volumes.records.userOf(image)
        if (volume !== undefined) throw this.#failed(`volume ${volume} began with image ${image}`)
        if ([...this.#creating.values()].includes(image))
          throw this.#failed(`a volume of image ${image} is being made`)
        this.#leaving.add(image)
        await this.#removeUnused(image, signal).finally(() => this.#leaving.delete(image))
      },
      signal,
    )

  async #removeUnused(image: string, signal: AbortSignal) {
    for (const piece of await this.#pieces.list())
      if (piece.image === image) {
        await this.#pieces.unsettle(piece.id)
        await this.#pieces.remove(piece.id)
      }
    await this.#files.removeImage(image, signal)
  }

  /** The image as a piece, made once however many ask. */
  #imagePiece(image: string, signal: AbortSignal) {
    const making = this.#imaging.get(image) ?? this.#madeImage(image, signal)
    this.#imaging.set(image, making)
    return making.finally(() => this.#imaging.delete(image))
  }

  async #madeImage(image: string, signal: AbortSignal) {
    const { state, virtualBytes, format } = await this.#files.observeImage(image)
    const { disk } = state === 'ready' ? await this.#files.imageFiles(image) : { disk: null }
    if (disk === null || (format !== 'raw' && format !== 'qcow2'))
      throw new Error(`image ${image} is not here`)
    const known = (await this.#pieces.list()).find((piece) => piece.image === image && !piece.isPassing)
    if (known !== undefined) return { piece: known.id, sizeBytes: virtualBytes }
    const piece = randomUUID()
    await this.#pieces.create(piece, virtualBytes, { image })
    try {
      const target = {
        file: await this.#pieces.shown(piece, 0),
        format: 'raw' as const,
        key: null,
        isDevice: true,
      }
      await copyInto(target, { file: disk, format, key: null, backing: [] }, { signal, keys: {} })
      await this.#pieces.settle(piece)
    } catch (fault) {
      await this.#pieces.remove(piece)
      throw fault
    }
    return { piece, sizeBytes: virtualBytes }
  }

  #about<T>(id: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#attempt(async () => {
      if (!isId(id)) throw this.#failed('an id is not a uuid')
      return await work()
    }, signal)
  }

  async #attempt<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      signal?.throwIfAborted()
      return await work()
    } catch (fault) {
      signal?.throwIfAborted()
      if (!(fault instanceof Error) || fault instanceof Bug) throw fault
      if (fault instanceof Problem && fault.code !== 'tool/failed') throw fault
      const why = fault instanceof Problem ? String(fault.facts['why'] ?? '') : fault.message
      throw this.#failed(inert(why).slice(0, 400), fault)
    }
  }

  #failed(why: string, cause?: unknown) {
    return new Problem('datastore/failed', { datastore: this.name, why }, { cause })
  }
}
