/** The pretended disk beneath the fake datastore: files as sparse blocks, which tests may write and read. */

import {
  mergeOf,
  pathFrom,
  type Base,
  type Merge,
  type StoodOn,
  type Strata,
} from '#drivers/ground/strata.ts'
import type { DiskChain, ImageSight } from '#drivers/datastore/port.ts'
import type { FileLayer } from '#drivers/hypervisor/port.ts'

/** Block → what is in it; what is not there shows what lies beneath, at last 0. */
export type Blocks = Map<number, number>

export type FakeVolume = {
  strata: Strata
  sizeBytes: number
  storedBytes: number
  readonly blocks: Map<string, Blocks>
  /** Size of the disk as each file shows it. */
  readonly sizes: Map<string, number>
}

export type FakeImage = Omit<ImageSight, 'state'>

/** What lies on the pretended disk. It outlives every driver object that looks at it. */
export type FakeDisk = {
  readonly volumes: Map<string, FakeVolume>
  /** What is left of removed volumes because others stand on it. */
  readonly remains: Map<string, FakeVolume>
  readonly images: Map<string, FakeImage>
  /** Kept memories by their file; a fake hypervisor may share the map. */
  readonly memories: Map<string, number | string>
  capacityBytes: number
  usedBytes: number
  /** How long creating, growing and sealing take, in milliseconds. */
  delayMs: number
  /** Called before and after each effect; throw a problem, or never return, to play a fault. */
  fault: ((operation: string, id: string, when: 'before' | 'after') => void | Promise<void>) | undefined
  filesMade: number
}

export const newFakeDisk = (settings: Partial<FakeDisk> = {}): FakeDisk => ({
  volumes: new Map(),
  remains: new Map(),
  images: new Map(),
  memories: new Map(),
  capacityBytes: 2 ** 40,
  usedBytes: 0,
  delayMs: 0,
  fault: undefined,
  filesMade: 0,
  ...settings,
})

/** A name for a new file: the same in each run of a simulation. */
export const newNode = (disk: FakeDisk) =>
  `00000000-0000-4000-8000-${String((disk.filesMade += 1)).padStart(12, '0')}`

export const volumeIn = (disk: FakeDisk, volume: string) =>
  disk.volumes.get(volume) ?? disk.remains.get(volume)

export const stoodOnIn =
  (disk: FakeDisk, volume: string): StoodOn =>
  (node) =>
    [...disk.volumes, ...disk.remains].some(
      ([id, { strata }]) =>
        id !== volume &&
        Object.values(strata.nodes).some(
          ({ on }) => on?.is === 'node' && on.volume === volume && on.node === node,
        ),
    )

export const mergeIn = (disk: FakeDisk, volume: string, strata: Strata): Merge | null =>
  mergeOf(strata, volume, stoodOnIn(disk, volume))

/** Every file from one downwards, over the borders of volumes. */
export function filesFrom(disk: FakeDisk, volume: string, node: string) {
  const files: { readonly volume: string; readonly node: string }[] = []
  let foot: Base | null = { is: 'node', volume, node }
  while (foot?.is === 'node') {
    const here: { volume: string; node: string } = foot
    const found = volumeIn(disk, here.volume)
    if (found === undefined) throw new Error(`a layer of volume ${here.volume} is missing`)
    const below = pathFrom(found.strata, here.volume, here.node)
    files.push(...below.path.map((each) => ({ volume: here.volume, node: each })))
    foot = below.foot
  }
  return { files, image: foot?.image ?? null }
}

export function chainIn(disk: FakeDisk, name: string, volume: string, node: string): DiskChain {
  const { files, image } = filesFrom(disk, volume, node)
  const layers = files.map((each): FileLayer => {
    const found = volumeIn(disk, each.volume)?.strata.nodes[each.node]
    if (found === undefined) throw new Error(`a layer of volume ${each.volume} is missing`)
    return { file: fileIn(name, each.volume, each.node, found.format), format: found.format, key: found.key }
  })
  const format = disk.images.get(image ?? '')?.format as 'qcow2' | 'raw'
  const base =
    image === null ? [] : [{ file: `/fake/${name}/images/${image}/disk.${format}`, format, key: null }]
  const [top, ...backing] = [...layers, ...base]
  if (top === undefined) throw new Error(`volume ${volume} has no file`)
  return { ...top, backing }
}

export const fileIn = (name: string, volume: string, node: string, format: string) =>
  `/fake/${name}/volumes/${volume}/${node}.${format}`

/** A running guest has made its disk larger in a file of a volume. */
export function growFile({ volumes }: FakeDisk, file: string, sizeBytes: number): void {
  const [, volume = '', node = ''] = /volumes\/([^/]+)\/([^/]+)\.\w+$/.exec(file) ?? []
  const found = volumes.get(volume)
  if (found === undefined) return
  found.sizeBytes = Math.max(found.sizeBytes, sizeBytes)
  found.sizes.set(node, found.sizeBytes)
}

/** What a disk shows in a block, looked at from one of its files. */
export function shown(disk: FakeDisk, volume: string, node: string, block: number): number {
  for (const each of filesFrom(disk, volume, node).files) {
    const found = volumeIn(disk, each.volume)?.blocks.get(each.node)?.get(block)
    if (found !== undefined) return found
  }
  return 0
}

/** A guest writes to its top. */
export function write(disk: FakeDisk, volume: string, block: number, value: number) {
  const found = volumeIn(disk, volume)
  found?.blocks.get(found.strata.top ?? '')?.set(block, value)
}
