/** What a file of a volume stands on, down to the image, over the borders of volumes. */

import type { DiskChain, VolumeSight } from '#drivers/datastore/port.ts'
import { pathFrom, type Base, type Strata } from '#drivers/ground/strata.ts'
import type { FileLayer } from '#drivers/hypervisor/port.ts'
import type { Graph } from './graph.ts'
import type { Place } from './place.ts'
import type { Backing } from './qcow2.ts'
import type { DiskFormat } from './volume.ts'

/** What volumes need to know of images. */
export type Images = {
  readonly formatOf: (image: string) => Promise<DiskFormat>
  readonly sizeOf: (image: string) => Promise<number>
}

export const absentVolume: VolumeSight = {
  state: 'absent',
  sizeBytes: 0,
  storedBytes: 0,
  file: null,
  layers: 0,
  snapshots: [],
  next: null,
  reverted: null,
  merge: null,
  isArriving: false,
}

export class Chains {
  readonly #place: Place
  readonly #graph: Graph
  readonly #images: Images

  constructor(place: Place, graph: Graph, images: Images) {
    this.#place = place
    this.#graph = graph
    this.#images = images
  }

  /** How the header of a file of this volume names what it stands on: relative, so that the folder can be moved. */
  async backingOf(volume: string, on: Base | null): Promise<Backing | null> {
    if (on === null) return null
    if (on.is === 'image') {
      const format = await this.#images.formatOf(on.image)
      return { file: `../../images/${on.image}/disk.${format}`, format }
    }
    const format = (await this.#graph.get(on.volume))?.nodes[on.node]?.format ?? 'qcow2'
    const name = `${on.node}.${format}`
    return { file: on.volume === volume ? name : `../${on.volume}/${name}`, format }
  }

  async of(volume: string, strata: Strata, from: string): Promise<{ chain: DiskChain; depth: number }> {
    const layers: FileLayer[] = []
    let at: { volume: string; strata: Strata; node: string } | null = { volume, strata, node: from }
    let image: string | null = null
    while (at !== null) {
      const here: { volume: string; strata: Strata; node: string } = at
      const { path, foot } = pathFrom(here.strata, here.volume, here.node)
      for (const node of path) {
        const found = here.strata.nodes[node]
        if (found === undefined) throw new Error(`a layer of volume ${here.volume} is missing`)
        layers.push({
          file: this.#graph.fileOf(here.volume, node, here.strata),
          format: found.format,
          key: found.key,
        })
      }
      image = foot?.is === 'image' ? foot.image : null
      at = null
      if (foot?.is === 'node') {
        const below = await this.#graph.get(foot.volume)
        if (below === undefined) throw new Error(`a layer of volume ${foot.volume} is missing`)
        at = { volume: foot.volume, strata: below, node: foot.node }
      }
    }
    const depth = layers.length - 1
    if (image !== null) {
      const format = await this.#images.formatOf(image)
      layers.push({ file: this.#place.path('images', image, `disk.${format}`), format, key: null })
    }
    const [top, ...backing] = layers
    if (top === undefined) throw new Error(`volume ${volume} has no file`)
    return { chain: { ...top, backing }, depth }
  }
}
