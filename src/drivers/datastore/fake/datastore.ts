/** A datastore in memory, for the simulator and for tests: the same promises without a disk. */

import type { Clock } from '#drivers/clock/port.ts'
import type { Datastore, ImageSight, VolumeSight, VolumeWish } from '#drivers/datastore/port.ts'
import { Problem } from '#model/problem.ts'

export type FakeVolume = {
  readonly format: 'qcow2' | 'raw'
  readonly image: string | null
  sizeBytes: number
  storedBytes: number
}

export type FakeImage = Omit<ImageSight, 'state'>

/** What lies on the pretended disk. It outlives every driver object that looks at it. */
export type FakeDisk = {
  readonly volumes: Map<string, FakeVolume>
  readonly images: Map<string, FakeImage>
  capacityBytes: number
  usedBytes: number
  /** How long creating, growing and sealing take, in milliseconds. */
  delayMs: number
  /** Called before and after each effect; throw a problem, or never return, to play a fault. */
  fault: ((operation: string, id: string, when: 'before' | 'after') => void | Promise<void>) | undefined
}

export const newFakeDisk = (settings: Partial<FakeDisk> = {}): FakeDisk => ({
  volumes: new Map(),
  images: new Map(),
  capacityBytes: 2 ** 40,
  usedBytes: 0,
  delayMs: 0,
  fault: undefined,
  ...settings,
})

const absentImage: ImageSight = {
  state: 'absent',
  virtualBytes: 0,
  storedBytes: 0,
  sha256: '',
  format: '',
  boot: 'disk',
  commandLine: '',
  architecture: '',
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** What a linked clone takes at first; the figure of a real empty qcow2 overlay. */
const cloneBytes = 196_608

export class FakeDatastore implements Datastore {
  readonly name: string
  readonly #disk: FakeDisk
  readonly #clock: Clock | undefined
  /** Drafts live and die with the driver object. */
  readonly #drafts = new Map<string, string>()
  readonly #creating = new Set<string>()
  #draftsMade = 0

  constructor(disk: FakeDisk, { name = 'local', clock }: { name?: string; clock?: Clock } = {}) {
    this.name = name
    this.#disk = disk
    this.#clock = clock
  }

  async look() {
    await this.#disk.fault?.('look', '', 'before')
    const { capacityBytes, usedBytes } = this.#disk
    return { capacityBytes, freeBytes: Math.max(0, capacityBytes - usedBytes), hasReflink: false }
  }

  async volumes() {
    return [...this.#disk.volumes.keys()].toSorted()
  }

  async observe(volume: string): Promise<VolumeSight> {
    const found = this.#disk.volumes.get(volume)
    if (found === undefined)
      return { state: this.#creating.has(volume) ? 'creating' : 'absent', sizeBytes: 0, storedBytes: 0 }
    return { state: 'ready', sizeBytes: found.sizeBytes, storedBytes: found.storedBytes }
  }

  async create(volume: string, wish: VolumeWish, signal: AbortSignal): Promise<void> {
    this.#checkId(volume)
    if (this.#disk.volumes.has(volume)) return
    const made = this.#newVolume(wish)
    this.#creating.add(volume)
    await this.#effect('create', volume, signal, () => {
      if (this.#disk.volumes.has(volume)) return
      this.#newVolume(wish)
      this.#take(made.storedBytes)
      this.#disk.volumes.set(volume, made)
    }).finally(() => this.#creating.delete(volume))
  }

  async grow(volume: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    const found = this.#volume(volume)
    if (sizeBytes === found.sizeBytes) return
    if (sizeBytes < found.sizeBytes) throw this.#failed(`volume ${volume} cannot shrink`)
    await this.#effect('grow', volume, signal, () => {
      found.sizeBytes = sizeBytes
    })
  }

  async remove(volume: string, signal: AbortSignal): Promise<void> {
    this.#checkId(volume)
    await this.#effect('remove', volume, signal, () => {
      this.#disk.usedBytes -= this.#disk.volumes.get(volume)?.storedBytes ?? 0
      this.#disk.volumes.delete(volume)
    })
  }

  async open(volume: string, _ownerUid: number | null) {
    const { format, image } = this.#volume(volume)
    await this.#disk.fault?.('open', volume, 'before')
    const backing =
      image === null || format === 'raw'
        ? []
        : [{ file: this.#imageFile(image), format: this.#disk.images.get(image)?.format as 'qcow2' | 'raw', key: null }]
    return { file: `/fake/${this.name}/volumes/${volume}/disk.${format}`, format, key: null, backing }
  }

  async observeImage(image: string): Promise<ImageSight> {
    const found = this.#disk.images.get(image)
    if (found !== undefined) return { state: 'ready', ...found }
    return { ...absentImage, state: this.#drafts.has(image) ? 'partial' : 'absent' }
  }

  async images() {
    return [...this.#disk.images.keys()].toSorted()
  }

  async draft(image: string): Promise<string> {
    this.#checkId(image)
    await this.#disk.fault?.('draft', image, 'before')
    const folder = `/fake/${this.name}/drafts/${image}-${(this.#draftsMade += 1)}`
    this.#drafts.set(image, folder)
    return folder
  }

  async seal(image: string, facts: Omit<ImageSight, 'state' | 'storedBytes'>): Promise<void> {
    const isSealed = this.#disk.images.has(image)
    if (!isSealed && !this.#drafts.has(image)) throw this.#failed(`there is no draft of image ${image}`)
    await this.#effect('seal', image, undefined, () => {
      this.#drafts.delete(image)
      if (this.#disk.images.has(image)) return
      this.#take(facts.virtualBytes)
      this.#disk.images.set(image, { ...facts, storedBytes: facts.virtualBytes })
    })
  }

  async imageFiles(image: string) {
    const found = this.#disk.images.get(image)
    if (found === undefined) throw this.#failed(`image ${image} is not here`)
    const folder = `/fake/${this.name}/images/${image}`
    const isKernel = found.boot === 'kernel'
    return {
      disk: this.#imageFile(image),
      kernel: isKernel ? `${folder}/kernel` : null,
      initrd: isKernel ? `${folder}/initrd` : null,
    }
  }

  async removeImage(image: string, signal: AbortSignal): Promise<void> {
    this.#checkId(image)
    this.#checkUnused(image)
    await this.#effect('removeImage', image, signal, () => {
      this.#checkUnused(image)
      this.#drafts.delete(image)
      this.#disk.usedBytes -= this.#disk.images.get(image)?.storedBytes ?? 0
      this.#disk.images.delete(image)
    })
  }

  #checkUnused(image: string) {
    const clone = [...this.#disk.volumes].find(
      ([, { image: on, format }]) => on === image && format === 'qcow2',
    )
    if (clone !== undefined) throw this.#failed(`volume ${clone[0]} stands on image ${image}`)
  }

  #newVolume({ format, sizeBytes, image }: VolumeWish): FakeVolume {
    const base = image === null ? undefined : this.#disk.images.get(image)
    if (image !== null && base === undefined) throw this.#failed(`image ${image} is not here`)
    const size = sizeBytes ?? base?.virtualBytes
    if (size === undefined) throw this.#failed('an empty volume needs a size')
    if (base !== undefined && size < base.virtualBytes)
      throw this.#failed('a volume cannot be smaller than its image')
    const copied = format === 'raw' ? (base?.storedBytes ?? 0) : cloneBytes
    return { format, image, sizeBytes: size, storedBytes: copied }
  }

  #volume(volume: string): FakeVolume {
    const found = this.#disk.volumes.get(volume)
    if (found === undefined) throw this.#failed(`volume ${volume} is not here`)
    return found
  }

  #imageFile(image: string) {
    return `/fake/${this.name}/images/${image}/disk.${this.#disk.images.get(image)?.format}`
  }

  #take(bytes: number) {
    const freeBytes = this.#disk.capacityBytes - this.#disk.usedBytes
    if (bytes > freeBytes)
      throw new Problem('datastore/full', { datastore: this.name, freeBytes, neededBytes: bytes })
    this.#disk.usedBytes += bytes
  }

  /** The change itself is one instant, between two moments at which a fault may strike. */
  async #effect(operation: string, id: string, signal: AbortSignal | undefined, change: () => void) {
    signal?.throwIfAborted()
    await this.#disk.fault?.(operation, id, 'before')
    if (this.#disk.delayMs > 0) await this.#clock?.sleep(this.#disk.delayMs, signal)
    change()
    await this.#disk.fault?.(operation, id, 'after')
  }

  #checkId(id: string) {
    if (!uuid.test(id) || id.length !== 36) throw this.#failed('an id is not a uuid')
  }

  #failed(why: string) {
    return new Problem('datastore/failed', { datastore: this.name, why })
  }
}
