/** The volumes of a directory datastore: their making, their layers, and the chains that guests open. */

import { randomUUID } from 'node:crypto'
import { copyFile, rename, rm } from 'node:fs/promises'
import { constants } from 'node:fs'
import { join } from 'node:path'
import type {
  DiskChain,
  Keys,
  Progress,
  VolumeMerge,
  VolumeSight,
  VolumeWish,
} from '#drivers/datastore/port.ts'
import {
  deserted,
  lowered,
  merged,
  mergeOf,
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
import { resizeTop, streamInto } from '#drivers/ground/bench.ts'
import { absentVolume, Chains, type Images } from './chains.ts'
import { Graph } from './graph.ts'
import { syncFolder, type Place } from './place.ts'
import { replaceRecord, writeRecord } from './record.ts'
import {
  besides,
  diskSize,
  freeze,
  inFolder,
  isNaming,
  lengthen,
  makeFile,
  own,
  type DiskFormat,
  type Origin,
} from './volume.ts'

type NewTop = { readonly snapshot: string; readonly key: string | null; readonly keys: Keys }

export class Volumes {
  readonly graph: Graph
  readonly #chains: Chains
  readonly #place: Place
  readonly #images: Images
  /** Changes of one volume wait for each other. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(place: Place, images: Images) {
    this.#place = place
    this.#images = images
    this.graph = new Graph(place)
    this.#chains = new Chains(place, this.graph, images)
  }

  async observe(volume: string): Promise<VolumeSight> {
    const strata = await this.graph.get(volume)
    if (strata?.top === undefined || strata.top === null) return absentVolume
    const { top, next } = strata
    const file = (node: string) => this.graph.fileOf(volume, node, strata)
    const sizes = await Promise.all(
      Object.entries(strata.nodes).map(([node, { format }]) => diskSize(file(node), format)),
    )
    const topSize = await diskSize(file(top), strata.nodes[top]?.format ?? 'qcow2')
    return {
      state: strata.isArriving ? 'creating' : 'ready',
      sizeBytes: topSize.sizeBytes,
      storedBytes: sizes.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      file: file(top),
      layers: (await this.#chains.of(volume, strata, top)).depth,
      snapshots: Object.keys(strata.layers),
      next: next === null ? null : { snapshot: next.snapshot, file: file(next.node) },
      reverted: strata.reverted,
      merge: await this.#merge(volume, strata),
      isArriving: strata.isArriving,
    }
  }

  /** Puts the volume's files together in a draft and gives them their name. */
  async make(volume: string, draft: string, wish: VolumeWish, on: Making): Promise<void> {
    const { origin, sizeBytes } = await this.#originOf(wish)
    const { key = null, keys = {}, isFull = false, isArriving = false } = wish
    const { format } = wish
    await this.graph.leaning(origin?.on ?? null, async () => {
      await this.#stillThere(origin?.on ?? null)
      const file = inFolder(draft, 'disk', format)
      const backing = await this.#chains.backingOf(volume, origin?.on ?? null)
      await makeFile({ file, format, sizeBytes, origin, backing, isFull, key, keys }, on.signal, on.report)
      const strata = {
        ...strataOf('disk', { format, on: origin?.on ?? null, key }),
        isArriving,
      }
      await this.#writeRecords(draft, strata, format)
      on.signal.throwIfAborted()
      await this.#place.publish(draft, 'volumes', volume)
      this.graph.take(volume, strata)
    })
  }

  grow(volume: string, sizeBytes: number, keys: Keys, signal: AbortSignal) {
    return this.#inTurn(volume, async () => {
      const { top, strata } = await this.#standing(volume)
      const { chain } = await this.#chains.of(volume, strata, top)
      const now = (await diskSize(chain.file, chain.format)).sizeBytes
      if (sizeBytes === now) return
      if (sizeBytes < now) throw new Error(`a volume of ${now} bytes cannot shrink to ${sizeBytes}`)
      if (chain.format === 'raw') return await lengthen(chain.file, sizeBytes)
      if (!(await isNaming(chain.file, await this.#chains.backingOf(volume, strata.nodes[top]?.on ?? null))))
        throw new Error('the header of the disk names another backing file than Decant wrote')
      await this.#asOurs(chain.file, () => resizeTop(chain, sizeBytes, keys, signal))
    })
  }

  remove(volume: string) {
    return this.#inTurn(volume, async () => {
      const strata = await this.graph.get(volume)
      const left =
        strata === undefined ? undefined : swept(deserted(strata), volume, this.graph.isStoodOn(volume))
      const below = strata === undefined ? [] : Object.values(strata.nodes).map(({ on }) => on)
      if (left !== undefined && Object.keys(left.nodes).length > 0)
        return void (await this.graph.change(volume, deserted))
      await this.#place.remove('volumes', volume)
      this.graph.forget(volume)
      await this.#tidyBelow(volume, below)
    })
  }

  /** Volumes that people have; what is left of removed ones does not count. */
  async list(): Promise<string[]> {
    const ids = await this.#place.list('volumes')
    const strata = await Promise.all(ids.map((id) => this.graph.get(id).catch(() => undefined)))
    return ids.filter((_, at) => strata[at]?.top !== null)
  }

  open(volume: string, ownerUid: number | null): Promise<DiskChain> {
    return this.#inTurn(volume, async () => {
      const { strata } = await this.#standing(volume)
      // Nobody knows whether it has been written to; above the old top it shows the same.
      const now = strata.next === null ? strata : await this.#raise(volume)
      const { chain } = await this.#chains.of(volume, now, now.top ?? '')
      // For nobody: for our own tools, which in their jail are not allowed to read what is another's.
      await own(chain.file, ownerUid ?? process.getuid?.() ?? 0)
      return chain
    })
  }

  async layer(volume: string, snapshot: string): Promise<DiskChain> {
    const strata = await this.graph.get(volume)
    const node = strata?.layers[snapshot]
    if (strata === undefined || node === undefined)
      throw new Error(`volume ${volume} has no layer of snapshot ${snapshot}`)
    return (await this.#chains.of(volume, strata, node)).chain
  }

  prepareTop(volume: string, wish: NewTop & { readonly ownerUid: number | null }, signal: AbortSignal) {
    return this.#inTurn(volume, async (): Promise<FileLayer> => {
      const { strata, top } = await this.#standing(volume)
      const { snapshot, key } = wish
      const isRaised = strata.layers[snapshot] !== undefined
      if (strata.next !== null && strata.next.snapshot !== snapshot)
        throw new Error('another snapshot of the volume is under way')
      if (strata.next === null && !isRaised) {
        const node = randomUUID()
        await this.#makeTop({ volume, strata, node, below: top }, wish, signal)
        await this.graph.change(volume, (now) => withNext(now, { volume, snapshot, node, key }))
      }
      const now = (await this.graph.get(volume)) ?? strata
      const node = isRaised ? (now.top ?? '') : (now.next?.node ?? '')
      const file = this.graph.fileOf(volume, node, now)
      if (wish.ownerUid !== null) await own(file, wish.ownerUid)
      return { file, format: 'qcow2', key: now.nodes[node]?.key ?? null }
    })
  }

  raiseTop(volume: string, snapshot: string) {
    return this.#inTurn(volume, async () => {
      const { strata } = await this.#standing(volume)
      if (strata.next?.snapshot === snapshot) await this.#raise(volume)
      else if (strata.layers[snapshot] === undefined) throw new Error('no top was prepared for the snapshot')
    })
  }

  lowerTop(volume: string, snapshot: string) {
    return this.#inTurn(volume, async () => {
      await this.graph.change(volume, (now) => (now.next?.snapshot === snapshot ? lowered(now) : now))
    })
  }

  revert(volume: string, wish: NewTop & { readonly at: number }, signal: AbortSignal) {
    return this.#inTurn(volume, async () => {
      const { strata } = await this.#standing(volume)
      const { snapshot, at, key } = wish
      if (strata.reverted?.at === at && strata.reverted.snapshot === snapshot) return
      const now = strata.next === null ? strata : await this.#raise(volume)
      const below = now.layers[snapshot]
      if (below === undefined) throw new Error(`volume ${volume} has no layer of snapshot ${snapshot}`)
      const node = randomUUID()
      await this.#makeTop({ volume, strata: now, node, below }, wish, signal)
      await this.graph.change(volume, (then) => wentBack(then, { volume, snapshot, at, node, key }))
    })
  }

  dropLayer(volume: string, snapshot: string) {
    return this.#inTurn(volume, async () => {
      if ((await this.graph.get(volume))?.layers[snapshot] === undefined) return
      await this.graph.change(volume, (now) => unnamed(now, snapshot))
    })
  }

  merge(volume: string, keys: Keys, signal: AbortSignal, report?: Progress) {
    return this.#inTurn(volume, async () => {
      const { strata, top } = await this.#standing(volume)
      const work = mergeOf(strata, volume, this.graph.isStoodOn(volume))
      if (work === null) return
      const { chain } = await this.#chains.of(volume, strata, work.into)
      const on = strata.nodes[work.gone]?.on ?? null
      const names = {
        base: chain.backing.length > 1 ? 2 : null,
        backingName: (await this.#chains.backingOf(volume, on))?.file ?? null,
      }
      const isTop = work.into === top
      if (isTop) await this.#asOurs(chain.file, () => streamInto(chain, names, keys, { signal, report }))
      else await this.#mergeBeside(chain, names, keys, { signal, report })
      await this.graph.change(volume, (now) => merged(now, work))
    })
  }

  merged(volume: string, { gone, into }: VolumeMerge) {
    return this.#inTurn(volume, async () => {
      const { strata } = await this.#standing(volume)
      const work = mergeOf(strata, volume, this.graph.isStoodOn(volume))
      const isIt =
        work !== null &&
        this.graph.fileOf(volume, work.gone, strata) === gone &&
        this.graph.fileOf(volume, work.into, strata) === into
      if (isIt) await this.graph.change(volume, (now) => merged(now, work))
    })
  }

  arrived(volume: string) {
    return this.#inTurn(volume, async () => {
      const { strata } = await this.#standing(volume)
      if (strata.isArriving) await this.graph.change(volume, (now) => ({ ...now, isArriving: false }))
    })
  }

  /** A layer is never written to: its successor is made beside it and takes its name. Who has the old one open keeps it. */
  async #mergeBeside(
    chain: DiskChain,
    names: { base: number | null; backingName: string | null },
    keys: Keys,
    on: { signal: AbortSignal; report?: Progress | undefined },
  ) {
    const beside = besides(chain.file)
    await rm(beside, { force: true })
    await copyFile(chain.file, beside, constants.COPYFILE_FICLONE)
    await own(beside, process.getuid?.() ?? 0)
    await streamInto({ ...chain, file: beside }, names, keys, on)
    await freeze(beside)
    await rename(beside, chain.file)
    await syncFolder(join(chain.file, '..'))
  }

  async #raise(volume: string): Promise<Strata> {
    const before = await this.graph.get(volume)
    const now = await this.graph.change(volume, raised)
    if (before?.top !== undefined && before.top !== null)
      await freeze(this.graph.fileOf(volume, before.top, now))
    return now
  }

  async #makeTop(
    { volume, strata, node, below }: { volume: string; strata: Strata; node: string; below: string },
    { key, keys }: NewTop,
    signal: AbortSignal,
  ) {
    const { chain } = await this.#chains.of(volume, strata, below)
    const { sizeBytes } = await diskSize(chain.file, chain.format)
    const backing = { file: `${below}.${chain.format}`, format: chain.format }
    const file = inFolder(this.#place.path('volumes', volume), node, 'qcow2')
    const on: Base = { is: 'node', volume, node: below }
    const origin = { chain, on }
    const wish = { file, format: 'qcow2' as const, sizeBytes, origin, backing, isFull: false, key, keys }
    await makeFile(wish, signal)
  }

  /** What is written to by root's tools is root's meanwhile; the next opening gives it away again. */
  async #asOurs(file: string, work: () => Promise<void>) {
    const uid = process.getuid?.()
    if (uid === 0) await own(file, 0)
    await work()
  }

  async #originOf(wish: VolumeWish): Promise<{ origin: Origin | null; sizeBytes: number }> {
    const from = await this.#sourceOf(wish)
    if (from === null) {
      if (wish.sizeBytes === null) throw new Error('an empty volume needs a size')
      return { origin: null, sizeBytes: wish.sizeBytes }
    }
    const isLinked = wish.format === 'qcow2' && wish.isLinked !== false && from.on !== null
    const sizeBytes = wish.sizeBytes ?? from.sizeBytes
    if (sizeBytes < from.sizeBytes)
      throw new Error(`a volume of ${sizeBytes} bytes is smaller than what it starts with, ${from.sizeBytes}`)
    return { origin: { chain: from.chain, on: isLinked ? from.on : null }, sizeBytes }
  }

  async #sourceOf({ image, layer = null, content = null }: VolumeWish) {
    if (content !== null) {
      const { sizeBytes } = await diskSize(content.file, content.format)
      return { chain: content, on: null, sizeBytes }
    }
    if (layer !== null) {
      const strata = await this.graph.get(layer.volume)
      const node = strata?.layers[layer.snapshot]
      if (strata === undefined || node === undefined)
        throw new Error(`volume ${layer.volume} has no layer of snapshot ${layer.snapshot}`)
      const { chain } = await this.#chains.of(layer.volume, strata, node)
      const { sizeBytes } = await diskSize(chain.file, chain.format)
      return { chain, on: { is: 'node', volume: layer.volume, node } as const, sizeBytes }
    }
    if (image === null) return null
    const format = await this.#images.formatOf(image)
    const file = this.#place.path('images', image, `disk.${format}`)
    const sizeBytes = await this.#images.sizeOf(image)
    return {
      chain: { file, format, key: null, backing: [] },
      on: { is: 'image', image } as const,
      sizeBytes,
    }
  }

  /** What a new volume stands on may have gone between the look and the hold on it. */
  async #stillThere(on: Base | null) {
    if (on?.is === 'image') await this.#images.formatOf(on.image)
    if (on?.is === 'node' && (await this.graph.get(on.volume))?.nodes[on.node] === undefined)
      throw new Error('the layer that the volume starts with is gone')
  }

  async #merge(volume: string, strata: Strata): Promise<VolumeMerge | null> {
    const work = mergeOf(strata, volume, this.graph.isStoodOn(volume))
    if (work === null) return null
    const { chain } = await this.#chains.of(volume, strata, work.into)
    const [gone, base] = chain.backing
    return {
      into: chain.file,
      gone: gone?.file ?? '',
      base: base?.file ?? null,
      isTop: work.into === strata.top,
    }
  }

  async #standing(volume: string) {
    const strata = await this.graph.get(volume)
    const top = strata?.top
    if (strata === undefined || top === undefined || top === null)
      throw new Error(`volume ${volume} is not here`)
    return { strata, top }
  }

  /** A volume went that stood on others' layers: what was kept only for it goes as well. */
  async #tidyBelow(volume: string, below: readonly (Base | null)[]) {
    for (const on of below) {
      if (on?.is !== 'node' || on.volume === volume) continue
      const strata = await this.graph.get(on.volume)
      if (strata === undefined) continue
      if (strata.top === null) await this.remove(on.volume)
      else await this.graph.change(on.volume, (now) => now)
    }
  }

  async #writeRecords(draft: string, strata: Strata, format: DiskFormat) {
    const { on, key } = strata.nodes['disk'] ?? { on: null, key: null }
    const image = on?.is === 'image' ? on.image : null
    await writeRecord(join(draft, 'volume.json'), { version: 1, format, image })
    if (on?.is === 'node' || key !== null || strata.isArriving)
      await replaceRecord(join(draft, 'chain.json'), strata)
  }

  async #inTurn<T>(volume: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(volume) ?? Promise.resolve()).then(work, work)
    this.#turns.set(volume, turn)
    return await turn.finally(() => {
      if (this.#turns.get(volume) === turn) this.#turns.delete(volume)
    })
  }
}

export type Making = { readonly signal: AbortSignal; readonly report?: Progress | undefined }
