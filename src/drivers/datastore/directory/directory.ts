/** A datastore in a folder of the host: raw and qcow2 disks, linked clones, immutable images. */

import { constants } from 'node:fs'
import { copyFile, statfs, writeFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type {
  Datastore,
  ImageSight,
  Keys,
  Progress,
  VolumeMerge,
  VolumeSight,
  VolumeWish,
} from '#drivers/datastore/port.ts'
import { Problem } from '#model/problem.ts'
import { failed, freeBytesOf, translated } from './failure.ts'
import { dropLanding, dropUnborne, landingOf, prepareContents, shareContent } from './content.ts'
import { fillImage, imageRecord, imageSight, sealedFiles } from './image.ts'
import { dropUnfinished, memoryOf, memoryPlaceOf } from './memory.ts'
import { isId, Place } from './place.ts'
import type { ImageFacts, ImageRecord } from './record.ts'
import { absentVolume } from './chains.ts'
import { Volumes } from './volumes.ts'

export type DirectoryOptions = {
  /** Name of the datastore, for problems; `local` if absent. */
  readonly name?: string
  /** Absolute. Made if absent, together with what it holds. */
  readonly folder: string
}

/** Opens a folder as a datastore and removes what an earlier life left half done. */
export async function openDirectory({ name = 'local', folder }: DirectoryOptions): Promise<Datastore> {
  if (!isAbsolute(folder)) throw failed(name, 'its folder is not an absolute path')
  const place = new Place(folder)
  await translated({ datastore: name, folder }, () => place.prepare())
  await translated({ datastore: name, folder }, () => prepareContents(place))
  const datastore = new Directory(name, place)
  await datastore.load()
  return datastore
}

class Directory implements Datastore {
  readonly name: string
  readonly #place: Place
  readonly #volumes: Volumes
  /** Volumes that are being made now → the image that they start with. */
  readonly #creating = new Map<string, string | null>()
  /** Images that are being removed now: no volume may begin on one. */
  readonly #leaving = new Set<string>()
  /** Image → its draft. Drafts do not outlive this object. */
  readonly #drafts = new Map<string, string>()
  #hasReflink: Promise<boolean> | undefined

  constructor(name: string, place: Place) {
    this.name = name
    this.#place = place
    this.#volumes = new Volumes(place, {
      formatOf: async (image) => (await this.#imageRecord(image)).format,
      sizeOf: async (image) => (await this.#imageRecord(image)).virtualBytes,
    })
  }

  load() {
    return this.#attempt(async () => {
      await dropUnfinished(this.#place)
      await this.#volumes.graph.load()
    })
  }

  look() {
    return this.#attempt(async () => {
      const { blocks, bavail, bsize } = await statfs(this.#place.path('drafts'))
      this.#hasReflink ??= this.#probeReflink()
      const hasReflink = await this.#hasReflink.catch((error: unknown) => {
        this.#hasReflink = undefined
        throw error
      })
      return { capacityBytes: blocks * bsize, freeBytes: bavail * bsize, hasReflink }
    })
  }

  volumes() {
    return this.#attempt(() => this.#volumes.list())
  }

  observe(volume: string): Promise<VolumeSight> {
    return this.#about(volume, async () => {
      const sight = await this.#volumes.observe(volume)
      const isMaking = sight.state === 'absent' && this.#creating.has(volume)
      return isMaking ? { ...absentVolume, state: 'creating' } : sight
    })
  }

  create(volume: string, wish: VolumeWish, signal: AbortSignal, report?: Progress): Promise<void> {
    return this.#about(
      volume,
      async () => {
        if (await this.#place.has('volumes', volume)) return
        if (wish.image !== null && this.#leaving.has(wish.image))
          throw this.#failed(`image ${wish.image} is being removed`)
        this.#creating.set(volume, wish.image)
        await this.#make(volume, wish, { signal, report }).finally(() => this.#creating.delete(volume))
      },
      signal,
    )
  }

  grow(volume: string, sizeBytes: number, signal: AbortSignal, keys: Keys = {}): Promise<void> {
    return this.#about(volume, () => this.#volumes.grow(volume, sizeBytes, keys, signal), signal)
  }

  remove(volume: string, signal: AbortSignal): Promise<void> {
    return this.#about(volume, () => this.#volumes.remove(volume), signal)
  }

  open(volume: string, ownerUid: number | null) {
    return this.#about(volume, () => this.#volumes.open(volume, ownerUid))
  }

  layer(volume: string, snapshot: string) {
    return this.#about(volume, () => this.#volumes.layer(volume, snapshot))
  }

  prepareTop(volume: string, wish: Parameters<Datastore['prepareTop']>[1], signal: AbortSignal) {
    return this.#about(volume, () => this.#volumes.prepareTop(volume, wish, signal), signal)
  }

  raiseTop(volume: string, snapshot: string) {
    return this.#about(volume, () => this.#volumes.raiseTop(volume, snapshot))
  }

  lowerTop(volume: string, snapshot: string) {
    return this.#about(volume, () => this.#volumes.lowerTop(volume, snapshot))
  }

  revert(volume: string, wish: Parameters<Datastore['revert']>[1], signal: AbortSignal) {
    return this.#about(volume, () => this.#volumes.revert(volume, wish, signal), signal)
  }

  dropLayer(volume: string, snapshot: string) {
    return this.#about(volume, () => this.#volumes.dropLayer(volume, snapshot))
  }

  merge(volume: string, keys: Keys, signal: AbortSignal, report?: Progress) {
    return this.#about(volume, () => this.#volumes.merge(volume, keys, signal, report), signal)
  }

  merged(volume: string, merge: VolumeMerge) {
    return this.#about(volume, () => this.#volumes.merged(volume, merge))
  }

  arrived(volume: string) {
    return this.#about(volume, () => this.#volumes.arrived(volume))
  }

  memoryPlace(snapshot: string) {
    return this.#about(snapshot, () => memoryPlaceOf(this.#place, snapshot))
  }

  memory(snapshot: string) {
    return this.#about(snapshot, () => memoryOf(this.#place, snapshot))
  }

  removeMemory(snapshot: string) {
    return this.#about(snapshot, () => this.#place.remove('memory', snapshot))
  }

  observeImage(image: string): Promise<ImageSight> {
    return this.#about(image, async () => {
      const sight = await imageSight(this.#place, image)
      return sight.state === 'absent' && this.#drafts.has(image) ? { ...sight, state: 'partial' } : sight
    })
  }

  images() {
    return this.#attempt(() => this.#place.list('images'))
  }

  draft(image: string): Promise<string> {
    return this.#about(image, async () => {
      await this.#dropDraft(image)
      const draft = await this.#place.draft(image)
      this.#drafts.set(image, draft)
      return draft
    })
  }

  dropDraft(image: string): Promise<void> {
    return this.#about(image, () => this.#dropDraft(image))
  }

  landing(image: string): Promise<string> {
    return this.#about(image, () => landingOf(this.#place, image))
  }

  seal(image: string, facts: ImageFacts, content?: string): Promise<void> {
    return this.#about(image, async () => {
      if (!(await this.#place.has('images', image))) {
        const draft = this.#drafts.get(image)
        if (draft === undefined) throw this.#failed(`there is no draft of image ${image}`)
        if (content !== undefined)
          await shareContent(this.#place, draft, { sha256: content, format: facts.format })
        await fillImage(draft, facts, content)
        await this.#place.publish(draft, 'images', image)
        this.#drafts.delete(image)
      } else await this.#dropDraft(image)
      await dropLanding(this.#place, image)
    })
  }

  imageFiles(image: string) {
    return this.#about(image, async () => sealedFiles(this.#place, image, await this.#imageRecord(image)))
  }

  removeImage(image: string, signal: AbortSignal): Promise<void> {
    return this.#about(
      image,
      async () => {
        if ([...this.#creating.values()].includes(image))
          throw this.#failed(`a volume of image ${image} is being made`)
        this.#leaving.add(image)
        await this.#removeUnused(image).finally(() => this.#leaving.delete(image))
      },
      signal,
    )
  }

  async #make(
    volume: string,
    wish: VolumeWish,
    making: { signal: AbortSignal; report?: Progress | undefined },
  ): Promise<void> {
    if (wish.image !== null && (wish.format === 'raw' || wish.isLinked === false))
      await this.#checkRoom((await imageSight(this.#place, wish.image)).storedBytes)
    if (wish.isFull === true && wish.sizeBytes !== null) await this.#checkRoom(wish.sizeBytes)
    await this.#drafted(volume, (draft) => this.#volumes.make(volume, draft, wish, making))
  }

  async #removeUnused(image: string): Promise<void> {
    const clone = this.#volumes.graph.userOf(image)
    if (clone !== undefined) throw this.#failed(`volume ${clone} stands on image ${image}`)
    await this.#dropDraft(image)
    await dropLanding(this.#place, image)
    const record = await imageRecord(this.#place, image)
    await this.#place.remove('images', image)
    if (record !== undefined && record.content !== '')
      await dropUnborne(this.#place, `${record.content}.${record.format}`)
  }

  async #checkRoom(neededBytes: number) {
    const freeBytes = await freeBytesOf(this.#place.folder)
    if (freeBytes < neededBytes)
      throw new Problem('datastore/full', { datastore: this.name, freeBytes, neededBytes })
  }

  async #drafted<T>(id: string, work: (draft: string) => Promise<T>): Promise<T> {
    const draft = await this.#place.draft(id)
    try {
      return await work(draft)
    } catch (error) {
      await this.#place.discard(draft)
      throw error
    }
  }

  async #dropDraft(image: string) {
    const draft = this.#drafts.get(image)
    this.#drafts.delete(image)
    if (draft !== undefined) await this.#place.discard(draft)
  }

  async #imageRecord(image: string): Promise<ImageRecord> {
    const record = await imageRecord(this.#place, image)
    if (record === undefined) throw this.#failed(`image ${image} is not here`)
    return record
  }

  /** Whether the file system copies by reference: tried on two small files of our own. */
  async #probeReflink(): Promise<boolean> {
    let isCopied = false
    await this.#drafted('00000000-0000-4000-8000-000000000000', async (draft) => {
      await writeFile(join(draft, 'a'), Buffer.alloc(4096, 1), { flag: 'wx' })
      isCopied = await copyFile(join(draft, 'a'), join(draft, 'b'), constants.COPYFILE_FICLONE_FORCE).then(
        () => true,
        () => false,
      )
      await this.#place.discard(draft)
    })
    return isCopied
  }

  #about<T>(id: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#attempt(async () => {
      this.#checkId(id)
      return await work()
    }, signal)
  }

  #checkId(id: string) {
    if (!isId(id)) throw this.#failed('an id is not a uuid')
  }

  #attempt<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const around = { datastore: this.name, folder: this.#place.folder }
    return translated(signal === undefined ? around : { ...around, signal }, work)
  }

  #failed(why: string) {
    return failed(this.name, why)
  }
}
