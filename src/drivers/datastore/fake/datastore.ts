/** A datastore in memory, for the simulator and for tests: the same promises without a disk. */

import type { Datastore, ImageSight } from '#drivers/datastore/port.ts'
import { FakeVolumes } from './volumes.ts'

export { newFakeDisk, type FakeDisk, type FakeImage, type FakeVolume } from './disk.ts'

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

export class FakeDatastore extends FakeVolumes implements Datastore {
  /** Drafts live and die with the driver object. */
  readonly #drafts = new Map<string, string>()
  #draftsMade = 0

  async observeImage(image: string): Promise<ImageSight> {
    const found = this.disk.images.get(image)
    if (found !== undefined) return { state: 'ready', ...found }
    return { ...absentImage, state: this.#drafts.has(image) ? 'partial' : 'absent' }
  }

  async images() {
    return [...this.disk.images.keys()].toSorted()
  }

  async draft(image: string): Promise<string> {
    this.checkId(image)
    await this.disk.fault?.('draft', image, 'before')
    const folder = `/fake/${this.name}/drafts/${image}-${(this.#draftsMade += 1)}`
    this.#drafts.set(image, folder)
    return folder
  }

  async dropDraft(image: string): Promise<void> {
    this.#drafts.delete(image)
  }

  async landing(image: string): Promise<string> {
    this.checkId(image)
    return `/fake/${this.name}/landings/${image}`
  }

  async seal(image: string, facts: Omit<ImageSight, 'state' | 'storedBytes'>): Promise<void> {
    const isSealed = this.disk.images.has(image)
    if (!isSealed && !this.#drafts.has(image)) throw this.failed(`there is no draft of image ${image}`)
    await this.effect('seal', image, undefined, () => {
      this.#drafts.delete(image)
      if (this.disk.images.has(image)) return
      this.take(facts.virtualBytes)
      this.disk.images.set(image, { ...facts, storedBytes: facts.virtualBytes })
    })
  }

  async imageFiles(image: string) {
    const found = this.disk.images.get(image)
    if (found === undefined) throw this.failed(`image ${image} is not here`)
    const folder = `/fake/${this.name}/images/${image}`
    const isKernel = found.boot === 'kernel'
    return {
      disk: this.#imageFile(image),
      kernel: isKernel ? `${folder}/kernel` : null,
      initrd: isKernel ? `${folder}/initrd` : null,
    }
  }

  async removeImage(image: string, signal: AbortSignal): Promise<void> {
    this.checkId(image)
    this.#checkUnused(image)
    await this.effect('removeImage', image, signal, () => {
      this.#checkUnused(image)
      this.#drafts.delete(image)
      this.disk.usedBytes -= this.disk.images.get(image)?.storedBytes ?? 0
      this.disk.images.delete(image)
    })
  }

  #checkUnused(image: string) {
    const all = [...this.disk.volumes, ...this.disk.remains]
    const clone = all.find(([, { strata }]) =>
      Object.values(strata.nodes).some(({ on }) => on?.is === 'image' && on.image === image),
    )
    if (clone !== undefined) throw this.failed(`volume ${clone[0]} stands on image ${image}`)
  }

  #imageFile(image: string) {
    return `/fake/${this.name}/images/${image}/disk.${this.disk.images.get(image)?.format}`
  }
}
