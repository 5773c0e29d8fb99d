/** Volumes and their layers in memory: what the fake datastore has besides images. */

import type { Clock } from '#drivers/clock/port.ts'
import type {
  Datastore,
  DiskChain,
  Keys,
  VolumeMerge,
  VolumeSight,
  VolumeWish,
} from '#drivers/datastore/port.ts'
import {
  deserted,
  lowered,
  merged,
  raised,
  strataOf,
  swept,
  unnamed,
  wentBack,
  withNext,
  type Base,
  type Strata,
} from '#drivers/ground/strata.ts'
import type { FileLayer } from '#drivers/hypervisor/port.ts'
import { Problem } from '#model/problem.ts'
import {
  chainIn,
  fileIn,
  filesFrom,
  mergeIn,
  newNode,
  shown,
  stoodOnIn,
  volumeIn,
  type FakeDisk,
  type FakeVolume,
} from './disk.ts'

const absentVolume: VolumeSight = {
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

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** What a linked clone takes at first; the figure of a real empty qcow2 overlay. */
const cloneBytes = 196_608

export class FakeVolumes {
  readonly name: string
  protected readonly disk: FakeDisk
  protected readonly clock: Clock | undefined
  readonly #creating = new Set<string>()

  constructor(disk: FakeDisk, { name = 'local', clock }: { name?: string; clock?: Clock } = {}) {
    this.name = name
    this.disk = disk
    this.clock = clock
  }

  async look() {
    await this.disk.fault?.('look', '', 'before')
    const { capacityBytes, usedBytes } = this.disk
    return { capacityBytes, freeBytes: Math.max(0, capacityBytes - usedBytes), hasReflink: false }
  }

  async volumes() {
    return [...this.disk.volumes.keys()].toSorted()
  }

  async observe(volume: string): Promise<VolumeSight> {
    const found = this.disk.volumes.get(volume)
    if (found === undefined)
      return this.#creating.has(volume) ? { ...absentVolume, state: 'creating' } : absentVolume
    const { strata, sizeBytes, storedBytes } = found
    const { next } = strata
    return {
      state: strata.isArriving ? 'creating' : 'ready',
      sizeBytes,
      storedBytes,
      file: this.#file(volume, strata.top ?? ''),
      layers: filesFrom(this.disk, volume, strata.top ?? '').files.length - 1,
      snapshots: Object.keys(strata.layers),
      next: next === null ? null : { snapshot: next.snapshot, file: this.#file(volume, next.node) },
      reverted: strata.reverted,
      merge: this.#mergeOf(volume, strata),
      isArriving: strata.isArriving,
    }
  }

  async create(volume: string, wish: VolumeWish, signal: AbortSignal): Promise<void> {
    this.checkId(volume)
    if (this.disk.volumes.has(volume)) return
    const made = this.#newVolume(wish)
    this.#creating.add(volume)
    await this.effect('create', volume, signal, () => {
      if (this.disk.volumes.has(volume)) return
      this.#newVolume(wish)
      this.take(made.storedBytes)
      this.disk.volumes.set(volume, made)
    }).finally(() => this.#creating.delete(volume))
  }

  async grow(volume: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    const found = this.#volume(volume)
    if (sizeBytes === found.sizeBytes) return
    if (sizeBytes < found.sizeBytes) throw this.failed(`volume ${volume} cannot shrink`)
    await this.effect('grow', volume, signal, () => {
      found.sizeBytes = sizeBytes
      found.sizes.set(found.strata.top ?? '', sizeBytes)
    })
  }

  async remove(volume: string, signal: AbortSignal): Promise<void> {
    this.checkId(volume)
    await this.effect('remove', volume, signal, () => this.#removeNow(volume))
  }

  async open(volume: string, _ownerUid: number | null): Promise<DiskChain> {
    this.#volume(volume)
    await this.disk.fault?.('open', volume, 'before')
    const found = this.#volume(volume)
    if (found.strata.next !== null) this.#raise(found)
    return chainIn(this.disk, this.name, volume, found.strata.top ?? '')
  }

  async layer(volume: string, snapshot: string): Promise<DiskChain> {
    return chainIn(this.disk, this.name, volume, this.#layerOf(volume, snapshot))
  }

  async prepareTop(
    volume: string,
    { snapshot, key }: Parameters<Datastore['prepareTop']>[1],
    signal: AbortSignal,
  ): Promise<FileLayer> {
    const { strata } = this.#volume(volume)
    if (strata.next !== null && strata.next.snapshot !== snapshot)
      throw this.failed('another snapshot of the volume is under way')
    await this.effect('prepareTop', volume, signal, () => {
      const found = this.#volume(volume)
      if (found.strata.next !== null || found.strata.layers[snapshot] !== undefined) return
      const node = this.#newFile(found, found.sizeBytes)
      found.strata = withNext(found.strata, { volume, snapshot, node, key })
    })
    const now = this.#volume(volume).strata
    const node = now.next?.node ?? now.top ?? ''
    return { file: this.#file(volume, node), format: 'qcow2', key: now.nodes[node]?.key ?? null }
  }

  async raiseTop(volume: string, snapshot: string): Promise<void> {
    const { strata } = this.#volume(volume)
    if (strata.next?.snapshot !== snapshot && strata.layers[snapshot] === undefined)
      throw this.failed('no top was prepared for the snapshot')
    await this.#change('raiseTop', volume, (found) => {
      if (found.strata.next?.snapshot === snapshot) this.#raise(found)
    })
  }

  async lowerTop(volume: string, snapshot: string): Promise<void> {
    await this.#change('lowerTop', volume, (found) => {
      if (found.strata.next?.snapshot === snapshot) found.strata = lowered(found.strata)
    })
  }

  async revert(
    volume: string,
    { snapshot, at, key }: Parameters<Datastore['revert']>[1],
    signal: AbortSignal,
  ): Promise<void> {
    const isDone = ({ reverted }: Strata) => reverted?.at === at && reverted.snapshot === snapshot
    if (isDone(this.#volume(volume).strata)) return
    this.#layerOf(volume, snapshot)
    signal.throwIfAborted()
    await this.#change('revert', volume, (found) => {
      if (isDone(found.strata)) return
      if (found.strata.next !== null) this.#raise(found)
      const below = this.#layerOf(volume, snapshot)
      const node = this.#newFile(found, found.sizes.get(below) ?? 0)
      found.strata = wentBack(found.strata, { volume, snapshot, at, node, key })
      found.sizeBytes = found.sizes.get(node) ?? 0
    })
  }

  async dropLayer(volume: string, snapshot: string): Promise<void> {
    this.checkId(volume)
    if (volumeIn(this.disk, volume) === undefined) return
    await this.#change('dropLayer', volume, (found) => {
      found.strata = unnamed(found.strata, snapshot)
    })
  }

  async merge(volume: string, _keys: Keys, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await this.#change('merge', volume, (found) => this.#mergeNow(volume, found))
  }

  async merged(volume: string, { gone, into }: VolumeMerge): Promise<void> {
    await this.#change('merged', volume, (found) => {
      const now = this.#mergeOf(volume, found.strata)
      if (now?.gone === gone && now.into === into) this.#mergeNow(volume, found)
    })
  }

  async arrived(volume: string): Promise<void> {
    await this.#change('arrived', volume, (found) => {
      found.strata = { ...found.strata, isArriving: false }
    })
  }

  async memoryPlace(snapshot: string) {
    this.checkId(snapshot)
    return `/fake/${this.name}/memory/${snapshot}`
  }

  async memory(snapshot: string) {
    const file = await this.memoryPlace(snapshot)
    const kept = this.disk.memories.get(file)
    return kept === undefined ? null : { file, bytes: typeof kept === 'number' ? kept : kept.length + 1 }
  }

  async removeMemory(snapshot: string): Promise<void> {
    this.checkId(snapshot)
    await this.effect('removeMemory', snapshot, undefined, () => {
      this.disk.memories.delete(`/fake/${this.name}/memory/${snapshot}`)
    })
  }

  #newVolume(wish: VolumeWish): FakeVolume {
    const from = this.#sourceOf(wish)
    const sizeBytes = wish.sizeBytes ?? from?.sizeBytes
    if (sizeBytes === undefined) throw this.failed('an empty volume needs a size')
    if (from !== null && sizeBytes < from.sizeBytes)
      throw this.failed('a volume cannot be smaller than what it starts with')
    const { format, key = null, isLinked, isArriving = false } = wish
    if (key !== null && format === 'raw') throw this.failed('a raw volume cannot be encrypted')
    const on = format === 'qcow2' && isLinked !== false ? (from?.on ?? null) : null
    const copied = format === 'raw' || (from !== null && on === null) ? (from?.storedBytes ?? 0) : cloneBytes
    return {
      strata: { ...strataOf('disk', { format, on, key }), isArriving },
      sizeBytes,
      storedBytes: wish.isFull === true ? sizeBytes : copied,
      blocks: new Map([['disk', new Map(on === null ? from?.blocks : [])]]),
      sizes: new Map([['disk', sizeBytes]]),
    }
  }

  #sourceOf({ image, layer = null, content = null }: VolumeWish) {
    if (content !== null) {
      const [, volume = '', node = ''] = /volumes\/([^/]+)\/([^/]+)\.\w+$/.exec(content.file) ?? []
      const found = volumeIn(this.disk, volume)
      const sizeBytes = found?.sizes.get(node) ?? 0
      const { blocks } =
        found === undefined ? { blocks: new Map<number, number>() } : this.#copied(volume, node)
      return { sizeBytes, storedBytes: found?.storedBytes ?? 0, on: null, blocks }
    }
    if (layer !== null) {
      const node = this.#layerOf(layer.volume, layer.snapshot)
      const { sizes, storedBytes } = this.#volume(layer.volume)
      const on: Base = { is: 'node', volume: layer.volume, node }
      return { sizeBytes: sizes.get(node) ?? 0, storedBytes, on, ...this.#copied(layer.volume, node) }
    }
    if (image === null) return null
    const found = this.disk.images.get(image)
    if (found === undefined) throw this.failed(`image ${image} is not here`)
    const on: Base = { is: 'image', image }
    return {
      sizeBytes: found.virtualBytes,
      storedBytes: found.storedBytes,
      on,
      blocks: new Map<number, number>(),
    }
  }

  /** All that a disk shows, looked at from one of its files. */
  #copied(volume: string, node: string) {
    const blocks = new Map<number, number>()
    for (const each of filesFrom(this.disk, volume, node).files)
      for (const block of volumeIn(this.disk, each.volume)?.blocks.get(each.node)?.keys() ?? [])
        blocks.set(block, shown(this.disk, volume, node, block))
    return { blocks }
  }

  #removeNow(volume: string) {
    const found = this.disk.volumes.get(volume) ?? this.disk.remains.get(volume)
    if (found === undefined) return
    const below = Object.values(found.strata.nodes).map(({ on }) => on)
    if (this.disk.volumes.delete(volume)) this.disk.usedBytes -= found.storedBytes
    found.strata = swept(deserted(found.strata), volume, stoodOnIn(this.disk, volume))
    if (Object.keys(found.strata.nodes).length > 0) return void this.disk.remains.set(volume, found)
    this.disk.remains.delete(volume)
    for (const on of below) if (on?.is === 'node' && on.volume !== volume) this.#tidy(on.volume)
  }

  #tidy(volume: string) {
    const found = volumeIn(this.disk, volume)
    if (found?.strata.top === null) return this.#removeNow(volume)
    if (found !== undefined) found.strata = swept(found.strata, volume, stoodOnIn(this.disk, volume))
  }

  #mergeOf(volume: string, strata: Strata): VolumeMerge | null {
    const work = mergeIn(this.disk, volume, strata)
    if (work === null) return null
    const { backing } = chainIn(this.disk, this.name, volume, work.into)
    return {
      into: this.#file(volume, work.into),
      gone: this.#file(volume, work.gone),
      base: backing[1]?.file ?? null,
      isTop: work.into === strata.top,
    }
  }

  #mergeNow(volume: string, found: FakeVolume) {
    const work = mergeIn(this.disk, volume, found.strata)
    if (work === null) return
    const [lower, upper] = [found.blocks.get(work.gone), found.blocks.get(work.into)]
    found.blocks.set(work.into, new Map([...(lower ?? []), ...(upper ?? [])]))
    found.strata = merged(found.strata, work)
  }

  #raise(found: FakeVolume) {
    found.strata = raised(found.strata)
  }

  #newFile(found: FakeVolume, sizeBytes: number): string {
    const node = newNode(this.disk)
    found.blocks.set(node, new Map())
    found.sizes.set(node, sizeBytes)
    return node
  }

  #layerOf(volume: string, snapshot: string): string {
    const node = this.#volume(volume).strata.layers[snapshot]
    if (node === undefined) throw this.failed(`volume ${volume} has no layer of snapshot ${snapshot}`)
    return node
  }

  /** A change of what a volume is made of; what nobody names and nothing stands on goes. */
  async #change(operation: string, volume: string, edit: (found: FakeVolume) => void) {
    await this.effect(operation, volume, undefined, () => {
      const found = volumeIn(this.disk, volume)
      if (found === undefined) throw this.failed(`volume ${volume} is not here`)
      edit(found)
      found.strata = swept(found.strata, volume, stoodOnIn(this.disk, volume))
    })
  }

  #volume(volume: string): FakeVolume {
    const found = this.disk.volumes.get(volume)
    if (found === undefined) throw this.failed(`volume ${volume} is not here`)
    return found
  }

  #file(volume: string, node: string) {
    const format = volumeIn(this.disk, volume)?.strata.nodes[node]?.format ?? 'qcow2'
    return fileIn(this.name, volume, node, format)
  }

  protected take(bytes: number) {
    const freeBytes = this.disk.capacityBytes - this.disk.usedBytes
    if (bytes > freeBytes)
      throw new Problem('datastore/full', { datastore: this.name, freeBytes, neededBytes: bytes })
    this.disk.usedBytes += bytes
  }

  /** The change itself is one instant, between two moments at which a fault may strike. */
  protected async effect(operation: string, id: string, signal: AbortSignal | undefined, change: () => void) {
    signal?.throwIfAborted()
    await this.disk.fault?.(operation, id, 'before')
    if (this.disk.delayMs > 0) await this.clock?.sleep(this.disk.delayMs, signal)
    change()
    await this.disk.fault?.(operation, id, 'after')
  }

  protected checkId(id: string) {
    if (!uuid.test(id) || id.length !== 36) throw this.failed('an id is not a uuid')
  }

  protected failed(why: string) {
    return new Problem('datastore/failed', { datastore: this.name, why })
  }
}
