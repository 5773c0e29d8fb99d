/**
 * What every volume of the folder is made of, and what stands on what: read at start, kept true by each change. A
 * change is decided at once and then written whole beside the volume's files; files that no record names go afterwards.
 */

import { readdir, rm } from 'node:fs/promises'
import { strataOf, swept, type Base, type Strata, type StoodOn } from '#drivers/ground/strata.ts'
import { isAbsent, sizeOf, syncFolder, type Place } from './place.ts'
import { readRecord, replaceRecord, StrataRecord, VolumeRecord } from './record.ts'
import { inFolder, type DiskFormat } from './volume.ts'

const chainFile = 'chain.json'
const ourFile = /^(disk|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(qcow2|raw)(\.new)?$/

export class Graph {
  readonly #place: Place
  readonly #volumes = new Map<string, Strata>()
  /** What is being made now and will stand on something: nobody may take that away meanwhile. */
  readonly #leaning = new Set<Base>()

  constructor(place: Place) {
    this.#place = place
  }

  /** Reads everything, and removes what a change left that was cut short. */
  async load(): Promise<void> {
    for (const volume of await this.#place.list('volumes')) {
      const strata = await this.get(volume).catch(() => undefined)
      if (strata === undefined) continue
      await this.#removeUnnamed(volume, strata)
    }
  }

  /** Undefined: there is no such volume, not even what is left of one. */
  async get(volume: string): Promise<Strata | undefined> {
    const known = this.#volumes.get(volume)
    if (known !== undefined) return known
    const read = await this.#read(volume)
    if (read !== undefined) this.#volumes.set(volume, read)
    return read
  }

  fileOf(volume: string, node: string, { nodes }: Strata): string {
    return inFolder(this.#place.path('volumes', volume), node, nodes[node]?.format ?? 'qcow2')
  }

  isStoodOn(volume: string): StoodOn {
    return (node) => {
      const isHere = (on: Base | null) => on?.is === 'node' && on.volume === volume && on.node === node
      if ([...this.#leaning].some(isHere)) return true
      return this.#others(volume).some(({ nodes }) => Object.values(nodes).some(({ on }) => isHere(on)))
    }
  }

  /** A volume that stands on the image. */
  userOf(image: string): string | undefined {
    for (const [volume, { nodes }] of this.#volumes)
      if (Object.values(nodes).some(({ on }) => on?.is === 'image' && on.image === image)) return volume
    return undefined
  }

  /** While the work lasts nobody takes away what it will stand on. */
  async leaning<T>(on: Base | null, work: () => Promise<T>): Promise<T> {
    if (on === null) return await work()
    this.#leaning.add(on)
    return await work().finally(() => this.#leaning.delete(on))
  }

  isLeanedOn(image: string): boolean {
    return [...this.#leaning].some((on) => on.is === 'image' && on.image === image)
  }

  /** A volume that was published just now. */
  take(volume: string, strata: Strata) {
    this.#volumes.set(volume, strata)
  }

  forget(volume: string) {
    this.#volumes.delete(volume)
  }

  /** Decides and writes a change; what it leaves without name and use is removed. */
  async change(volume: string, edit: (strata: Strata) => Strata): Promise<Strata> {
    const before = await this.get(volume)
    if (before === undefined) throw new Error(`volume ${volume} is not here`)
    const after = swept(edit(before), volume, this.isStoodOn(volume))
    if (after === before) return after
    this.#volumes.set(volume, after)
    try {
      const folder = this.#place.path('volumes', volume)
      await replaceRecord(this.#place.path('volumes', volume, chainFile), after)
      await syncFolder(folder)
      await this.#removeUnnamed(volume, after)
    } catch (error) {
      // What stands on disk is what holds.
      this.#volumes.delete(volume)
      throw error
    }
    return after
  }

  #others(volume: string): Strata[] {
    return [...this.#volumes].filter(([id]) => id !== volume).map(([, strata]) => strata)
  }

  async #read(volume: string): Promise<Strata | undefined> {
    const path = (name: string) => this.#place.path('volumes', volume, name)
    // A folder may hold one file of many sizes: what `chain.json` says counts, where there is one.
    if ((await sizeOf(path(chainFile))) !== undefined) return await readRecord(path(chainFile), StrataRecord)
    try {
      const { format, image } = await readRecord(path('volume.json'), VolumeRecord)
      return strataOf('disk', { format, on: image === null ? null : { is: 'image', image }, key: null })
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  async #removeUnnamed(volume: string, { nodes }: Strata): Promise<void> {
    const folder = this.#place.path('volumes', volume)
    const named = new Set(Object.entries(nodes).map(([node, { format }]) => inFolder('', node, format)))
    for (const name of await readdir(folder))
      if (ourFile.test(name) && !named.has(name))
        await rm(this.#place.path('volumes', volume, name), { force: true })
  }
}

export type { DiskFormat }
