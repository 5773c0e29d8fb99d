/** A datastore in a folder of the host: raw and qcow2 disks, linked clones, immutable images. */

import { constants } from 'node:fs'
import { copyFile, statfs, writeFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { Datastore, ImageSight, VolumeSight, VolumeWish } from '#drivers/datastore/port.ts'
import { failed, freeBytesOf, translated } from './failure.ts'
import { fillImage, imageRecord, imageSight, sealedFiles } from './image.ts'
import { isId, Place } from './place.ts'
import type { ImageFacts, ImageRecord, VolumeRecord } from './record.ts'
import {
  chainOf,
  diskSize,
  fillVolume,
  growDisk,
  own,
  volumeFile,
  volumeRecord,
  type NewVolume,
} from './volume.ts'
import { Problem } from '#model/problem.ts'

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
  return new Directory(name, place)
}

class Directory implements Datastore {
  readonly name: string
  readonly #place: Place
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
    return this.#attempt(() => this.#place.list('volumes'))
  }

  observe(volume: string): Promise<VolumeSight> {
    return this.#about(volume, async () => {
      const record = await volumeRecord(this.#place, volume)
      if (record === undefined)
        return { state: this.#creating.has(volume) ? 'creating' : 'absent', sizeBytes: 0, storedBytes: 0 }
      const size = await diskSize(volumeFile(this.#place, volume, record.format), record.format)
      return { state: 'ready', ...size }
    })
  }

  create(volume: string, wish: VolumeWish, signal: AbortSignal): Promise<void> {
    return this.#about(
      volume,
      async () => {
        if (await this.#place.has('volumes', volume)) return
        if (wish.image !== null && this.#leaving.has(wish.image))
          throw this.#failed(`image ${wish.image} is being removed`)
        this.#creating.set(volume, wish.image)
        await this.#make(volume, wish, signal).finally(() => this.#creating.delete(volume))
      },
      signal,
    )
  }

  grow(volume: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    return this.#about(
      volume,
      async () => {
        const record = await this.#record(volume)
        const file = volumeFile(this.#place, volume, record.format)
        const now = (await diskSize(file, record.format)).sizeBytes
        if (sizeBytes === now) return
        if (sizeBytes < now) throw this.#failed(`a volume of ${now} bytes cannot shrink to ${sizeBytes}`)
        const backing = await chainOf(this.#place, record, (image) => this.#formatOf(image))
        await growDisk({ file, format: record.format, key: null, backing, image: record.image }, sizeBytes, signal)
      },
      signal,
    )
  }

  remove(volume: string, signal: AbortSignal): Promise<void> {
    return this.#about(volume, () => this.#place.remove('volumes', volume), signal)
  }

  open(volume: string, ownerUid: number | null) {
    return this.#about(volume, async () => {
      const record = await this.#record(volume)
      const file = volumeFile(this.#place, volume, record.format)
      const backing = await chainOf(this.#place, record, (image) => this.#formatOf(image))
      if (ownerUid !== null) await own(file, ownerUid)
      return { file, format: record.format, key: null, backing }
    })
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

  seal(image: string, facts: ImageFacts): Promise<void> {
    return this.#about(image, async () => {
      if (await this.#place.has('images', image)) return await this.#dropDraft(image)
      const draft = this.#drafts.get(image)
      if (draft === undefined) throw this.#failed(`there is no draft of image ${image}`)
      await fillImage(draft, facts)
      await this.#place.publish(draft, 'images', image)
      this.#drafts.delete(image)
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

  async #make(volume: string, wish: VolumeWish, signal: AbortSignal): Promise<void> {
    const made = await this.#newVolume(wish)
    await this.#drafted(volume, async (draft) => {
      await fillVolume(draft, made, signal)
      signal.throwIfAborted()
      await this.#place.publish(draft, 'volumes', volume)
    })
  }

  async #removeUnused(image: string): Promise<void> {
    const clone = await this.#cloneOf(image)
    if (clone !== undefined) throw this.#failed(`volume ${clone} stands on image ${image}`)
    await this.#dropDraft(image)
    await this.#place.remove('images', image)
  }

  async #newVolume({ format, sizeBytes, image }: VolumeWish): Promise<NewVolume> {
    if (image === null) {
      if (sizeBytes === null) throw this.#failed('an empty volume needs a size')
      return { format, sizeBytes, base: null }
    }
    const record = await this.#imageRecord(image)
    const size = sizeBytes ?? record.virtualBytes
    if (size < record.virtualBytes)
      throw this.#failed(`a volume of ${size} bytes is smaller than its image of ${record.virtualBytes}`)
    const file = this.#place.path('images', image, `disk.${record.format}`)
    if (format === 'raw') await this.#checkRoom((await imageSight(this.#place, image)).storedBytes)
    return { format, sizeBytes: size, base: { image, file, format: record.format } }
  }

  async #checkRoom(neededBytes: number) {
    const freeBytes = await freeBytesOf(this.#place.folder)
    if (freeBytes < neededBytes)
      throw new Problem('datastore/full', { datastore: this.name, freeBytes, neededBytes })
  }

  async #drafted(id: string, work: (draft: string) => Promise<void>) {
    const draft = await this.#place.draft(id)
    try {
      await work(draft)
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

  async #cloneOf(image: string): Promise<string | undefined> {
    for (const volume of await this.#place.list('volumes')) {
      if ((await volumeRecord(this.#place, volume))?.image === image) return volume
    }
    return undefined
  }

  async #record(volume: string): Promise<VolumeRecord> {
    const record = await volumeRecord(this.#place, volume)
    if (record === undefined) throw this.#failed(`volume ${volume} is not here`)
    return record
  }

  async #imageRecord(image: string): Promise<ImageRecord> {
    const record = await imageRecord(this.#place, image)
    if (record === undefined) throw this.#failed(`image ${image} is not here`)
    return record
  }

  async #formatOf(image: string) {
    return (await this.#imageRecord(image)).format
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
      if (!isId(id)) throw this.#failed('an id is not a uuid')
      return await work()
    }, signal)
  }

  #attempt<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const around = { datastore: this.name, folder: this.#place.folder }
    return translated(signal === undefined ? around : { ...around, signal }, work)
  }

  #failed(why: string) {
    return failed(this.name, why)
  }
}
