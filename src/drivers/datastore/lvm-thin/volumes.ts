/**
 * The volumes of a thin pool. What is not encrypted is raw; clones and reverts are thin snapshots, which stand alone. A
 * snapshot of a volume that runs is a qcow2 file in a piece of its own above the old top, as QEMU needs it; encrypted ones
 * are qcow2 anyway.
 *
 *     piece made, passing ──record names it──▶ settled ──passing again, record names it no more──▶ removed
 */

import { randomUUID } from 'node:crypto'
import type {
  DiskChain,
  Keys,
  Progress,
  VolumeMerge,
  VolumeSight,
  VolumeWish,
} from '#drivers/datastore/port.ts'
import { resizeTop, streamInto } from '#drivers/ground/bench.ts'
import {
  deserted,
  lowered,
  merged,
  mergeOf,
  raised,
  strataOf,
  swept,
  unnamed,
  withNext,
  type Node,
  type Strata,
} from '#drivers/ground/strata.ts'
import type { FileLayer } from '#drivers/hypervisor/port.ts'
import { copyInto, formatQcow2, shownBytesOf, type Making } from './content.ts'
import { absentVolume, ThinChains } from './chains.ts'
import type { Pieces } from './pieces.ts'
import type { Records, VolumeRecord } from './records.ts'
import { roomFor } from './telling.ts'

type NewTop = { readonly snapshot: string; readonly key: string | null; readonly keys: Keys }

/** What a new volume begins with: a piece whose thin snapshot it is, or a chain that is copied. */
type Origin =
  | { readonly is: 'piece'; readonly piece: string; readonly node: Node; readonly sizeBytes: number }
  | { readonly is: 'chain'; readonly chain: DiskChain; readonly sizeBytes: number }

/** The pieces that hold images, as raw disks. */
export type ImagePieces = (
  image: string,
  signal: AbortSignal,
) => Promise<{ piece: string; sizeBytes: number }>

export class ThinVolumes {
  readonly records: Records
  readonly #pieces: Pieces
  readonly #images: ImagePieces
  readonly #chains: ThinChains
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(records: Records, pieces: Pieces, images: ImagePieces) {
    this.records = records
    this.#pieces = pieces
    this.#chains = new ThinChains(records, pieces)
    this.#images = images
  }

  list(): string[] {
    return [...this.records.all()]
      .filter(([, { strata }]) => strata.top !== null)
      .map(([volume]) => volume)
      .toSorted()
  }

  async observe(volume: string): Promise<VolumeSight> {
    const record = this.records.get(volume)
    const top = record?.strata.top ?? null
    if (record === undefined || top === null) return absentVolume
    const { strata, pieces } = record
    const listed = await this.#pieces.list()
    const mine = listed.filter(({ id }) => Object.values(pieces).includes(id))
    const { next } = strata
    return {
      state: strata.isArriving ? 'creating' : 'ready',
      sizeBytes: await this.#chains.sizeOf(record, top),
      storedBytes: mine.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      file: this.#chains.fileOf(record, top),
      layers: this.#chains.path(volume, record, top).length - 1,
      snapshots: Object.keys(strata.layers),
      next: next === null ? null : { snapshot: next.snapshot, file: this.#chains.fileOf(record, next.node) },
      reverted: strata.reverted,
      merge: this.#chains.merge(volume, record),
      isArriving: strata.isArriving,
    }
  }

  create(
    volume: string,
    wish: VolumeWish,
    { signal, report }: { signal: AbortSignal; report?: Progress | undefined },
  ) {
    return this.#inTurn(volume, async () => {
      if (this.records.get(volume) !== undefined) return
      const { key = null, keys = {}, isArriving = false } = wish
      const origin = await this.#originOf(wish, signal)
      const sizeBytes = wish.sizeBytes ?? origin?.sizeBytes
      if (sizeBytes === undefined) throw new Error('an empty volume needs a size')
      if (origin !== null && sizeBytes < origin.sizeBytes)
        throw new Error(
          `a volume of ${sizeBytes} bytes is smaller than what it starts with, ${origin.sizeBytes}`,
        )
      const [node, piece] = [randomUUID(), randomUUID()]
      const first: Node =
        origin?.is === 'piece' ? origin.node : { format: key === null ? 'raw' : 'qcow2', on: null, key }
      await this.records.leaning(first.on, async () => {
        await this.#fill({ volume, piece, first, sizeBytes, origin }, { signal, report, keys })
        const strata = { ...strataOf(node, first), isArriving }
        const { image } = wish
        await this.records.put(volume, { version: 1, sizeBytes, image, strata, pieces: { [node]: piece } })
        await this.#pieces.settle(piece)
      })
    })
  }

  grow(volume: string, sizeBytes: number, keys: Keys, signal: AbortSignal) {
    return this.#inTurn(volume, async () => {
      const { record, top } = this.#standing(volume)
      const now = await this.#chains.sizeOf(record, top)
      if (sizeBytes === now) return
      if (sizeBytes < now) throw new Error(`a volume of ${now} bytes cannot shrink to ${sizeBytes}`)
      const isRaw = record.strata.nodes[top]?.format === 'raw'
      await this.#pieces.reach(record.pieces[top] ?? '', isRaw ? sizeBytes : roomFor(sizeBytes))
      if (!isRaw) await resizeTop(await this.#chains.chain(volume, record, top, 0), sizeBytes, keys, signal)
      await this.records.put(volume, { ...record, sizeBytes })
    })
  }

  remove(volume: string): Promise<void> {
    return this.#inTurn(volume, async () => {
      const record = this.records.get(volume)
      if (record === undefined) return
      const left = swept(deserted(record.strata), volume, this.records.isStoodOn(volume))
      if (Object.keys(left.nodes).length > 0) return void (await this.#change(volume, record, left))
      for (const piece of Object.values(record.pieces)) await this.#pieces.unsettle(piece)
      await this.records.remove(volume)
      for (const piece of Object.values(record.pieces)) await this.#pieces.remove(piece)
      await this.#tidyBelow(volume, Object.values(record.strata.nodes))
    })
  }

  open(volume: string, ownerUid: number | null): Promise<DiskChain> {
    return this.#inTurn(volume, async () => {
      const { record } = this.#standing(volume)
      // Nobody knows whether it has been written to; above the old top it shows the same.
      const now =
        record.strata.next === null ? record : await this.#change(volume, record, raised(record.strata))
      const top = now.strata.top ?? ''
      const isRaw = now.strata.nodes[top]?.format === 'raw'
      if (!isRaw)
        await this.#pieces.reach(now.pieces[top] ?? '', roomFor(await this.#chains.sizeOf(now, top)))
      return await this.#chains.chain(volume, now, top, ownerUid ?? 0)
    })
  }

  async layer(volume: string, snapshot: string): Promise<DiskChain> {
    const record = this.records.get(volume)
    const node = record?.strata.layers[snapshot]
    if (record === undefined || node === undefined) throw this.#noLayer(volume, snapshot)
    return await this.#chains.chain(volume, record, node, null)
  }

  prepareTop(volume: string, wish: NewTop & { readonly ownerUid: number | null }, signal: AbortSignal) {
    return this.#inTurn(volume, async (): Promise<FileLayer> => {
      const { record: before, top } = this.#standing(volume)
      let record = before
      const { snapshot, key, keys, ownerUid } = wish
      const isRaised = record.strata.layers[snapshot] !== undefined
      const { next } = record.strata
      if (next !== null && next.snapshot !== snapshot)
        throw new Error('another snapshot of the volume is under way')
      if (next === null && !isRaised) {
        const [node, piece] = [randomUUID(), randomUUID()]
        const below = await this.#chains.chain(volume, record, top, ownerUid ?? 0)
        const sizeBytes = await this.#chains.shownBytes(record, top)
        await this.#pieces.create(piece, roomFor(sizeBytes), { volume })
        const target = {
          file: await this.#pieces.shown(piece, 0),
          format: 'qcow2' as const,
          key,
          isDevice: true,
        }
        await formatQcow2(target, { sizeBytes, backing: below }, { signal, keys })
        record = await this.#change(
          volume,
          { ...record, pieces: { ...record.pieces, [node]: piece } },
          withNext(record.strata, { volume, snapshot, node, key }),
        )
      }
      const node = isRaised ? (record.strata.top ?? '') : (record.strata.next?.node ?? '')
      return await this.#chains.layer(record, node, ownerUid ?? 0)
    })
  }

  raiseTop(volume: string, snapshot: string) {
    return this.#inTurn(volume, async () => {
      const { record } = this.#standing(volume)
      if (record.strata.next?.snapshot === snapshot) await this.#change(volume, record, raised(record.strata))
      else if (record.strata.layers[snapshot] === undefined)
        throw new Error('no top was prepared for the snapshot')
    })
  }

  lowerTop(volume: string, snapshot: string) {
    return this.#inTurn(volume, async () => {
      const { record } = this.#standing(volume)
      if (record.strata.next?.snapshot === snapshot)
        await this.#change(volume, record, lowered(record.strata))
    })
  }

  revert(volume: string, wish: NewTop & { readonly at: number }) {
    return this.#inTurn(volume, async () => {
      const { record } = this.#standing(volume)
      const { snapshot, at } = wish
      const { reverted } = record.strata
      if (reverted?.at === at && reverted.snapshot === snapshot) return
      const strata = record.strata.next === null ? record.strata : raised(record.strata)
      const layer = strata.layers[snapshot]
      const below = layer === undefined ? undefined : strata.nodes[layer]
      if (layer === undefined || below === undefined) throw this.#noLayer(volume, snapshot)
      const [node, piece] = [randomUUID(), randomUUID()]
      await this.#pieces.snapshot(piece, record.pieces[layer] ?? '', { volume })
      const pieces = { ...record.pieces, [node]: piece }
      const nodes = { ...strata.nodes, [node]: below }
      const sizeBytes = await this.#chains.sizeOf(record, layer)
      await this.#change(
        volume,
        { ...record, sizeBytes, pieces },
        { ...strata, nodes, top: node, reverted: { snapshot, at } },
      )
    })
  }

  dropLayer(volume: string, snapshot: string) {
    return this.#inTurn(volume, async () => {
      const record = this.records.get(volume)
      if (record?.strata.layers[snapshot] !== undefined)
        await this.#change(volume, record, unnamed(record.strata, snapshot))
    })
  }

  /** A layer is never written to: its successor begins as its thin snapshot. Who has the old one open keeps it. */
  merge(volume: string, keys: Keys, signal: AbortSignal, report?: Progress) {
    return this.#inTurn(volume, async () => {
      const { record, top } = this.#standing(volume)
      const work = mergeOf(record.strata, volume, this.records.isStoodOn(volume))
      if (work === null) return
      const chain = await this.#chains.chain(volume, record, work.into, 0)
      const [, base] = chain.backing
      const names = { base: base === undefined ? null : 2, backingName: base?.file ?? null }
      const isTop = work.into === top
      const piece = isTop ? (record.pieces[top] ?? '') : randomUUID()
      if (!isTop) await this.#pieces.snapshot(piece, record.pieces[work.into] ?? '', { volume })
      const file = await this.#pieces.shown(piece, 0)
      await streamInto({ ...chain, file }, names, keys, { signal, report })
      const pieces = { ...record.pieces, [work.into]: piece }
      await this.#change(volume, { ...record, pieces }, merged(record.strata, work), record)
    })
  }

  merged(volume: string, { gone, into }: VolumeMerge) {
    return this.#inTurn(volume, async () => {
      const { record } = this.#standing(volume)
      const work = mergeOf(record.strata, volume, this.records.isStoodOn(volume))
      const isIt =
        work !== null &&
        this.#chains.fileOf(record, work.gone) === gone &&
        this.#chains.fileOf(record, work.into) === into
      if (isIt) await this.#change(volume, record, merged(record.strata, work))
    })
  }

  arrived(volume: string) {
    return this.#inTurn(volume, async () => {
      const { record } = this.#standing(volume)
      if (record.strata.isArriving)
        await this.#change(volume, record, { ...record.strata, isArriving: false })
    })
  }

  /** Takes the change into effect: its record names it; what `before` had and it has not goes, what is new stays. */
  async #change(
    volume: string,
    now: VolumeRecord,
    strata: Strata,
    before: VolumeRecord = this.records.get(volume) ?? now,
  ): Promise<VolumeRecord> {
    const left = swept(strata, volume, this.records.isStoodOn(volume))
    const pieces = Object.fromEntries(Object.entries(now.pieces).filter(([node]) => node in left.nodes))
    const after = { ...now, strata: left, pieces }
    const [old, kept] = [Object.values(before.pieces), new Set(Object.values(pieces))]
    const gone = [...new Set([...old, ...Object.values(now.pieces)])].filter((piece) => !kept.has(piece))
    for (const piece of gone) await this.#pieces.unsettle(piece)
    await this.records.put(volume, after)
    for (const piece of kept) if (!old.includes(piece)) await this.#pieces.settle(piece)
    for (const piece of gone) await this.#pieces.remove(piece)
    return after
  }

  async #fill(
    made: { volume: string; piece: string; first: Node; sizeBytes: number; origin: Origin | null },
    on: Making,
  ) {
    const { volume, piece, first, sizeBytes, origin } = made
    const isRaw = first.format === 'raw'
    const room = isRaw ? sizeBytes : roomFor(sizeBytes)
    try {
      if (origin?.is === 'piece') {
        await this.#pieces.snapshot(piece, origin.piece, { volume })
        await this.#pieces.reach(piece, room)
      } else await this.#pieces.create(piece, room, { volume })
      const target = { file: await this.#pieces.shown(piece, 0), ...first, isDevice: true }
      if (origin?.is !== 'piece' && !isRaw) await formatQcow2(target, { sizeBytes, backing: null }, on)
      if (origin?.is === 'chain') await copyInto(target, origin.chain, on)
      if (origin?.is === 'piece' && !isRaw && sizeBytes > origin.sizeBytes)
        await resizeTop({ ...target, backing: [] }, sizeBytes, on.keys, on.signal)
      on.signal.throwIfAborted()
    } catch (fault) {
      await this.#pieces.remove(piece)
      throw fault
    }
  }

  async #originOf(
    { image, layer = null, content = null, key = null, isLinked }: VolumeWish,
    signal: AbortSignal,
  ) {
    if (content !== null) return await this.#copyOf(content)
    if (layer !== null) {
      const record = this.records.get(layer.volume)
      const node = record?.strata.layers[layer.snapshot]
      const found = node === undefined ? undefined : record?.strata.nodes[node]
      if (record === undefined || node === undefined || found === undefined)
        throw this.#noLayer(layer.volume, layer.snapshot)
      // A thin snapshot stands on nothing of ours but on what its origin stands on.
      const isAlone = found.on === null || isLinked !== false
      if (found.key !== key || !isAlone)
        return await this.#copyOf(await this.#chains.chain(layer.volume, record, node, null))
      const sizeBytes = await this.#chains.sizeOf(record, node)
      return { is: 'piece', piece: record.pieces[node] ?? '', node: found, sizeBytes } as const
    }
    if (image === null) return null
    const { piece, sizeBytes } = await this.#images(image, signal)
    const file = await this.#pieces.shown(piece, null)
    const disk = { file, format: 'raw' as const, key: null, isDevice: true }
    if (key !== null) return { is: 'chain', chain: { ...disk, backing: [] }, sizeBytes } as const
    return { is: 'piece', piece, node: { format: 'raw', on: null, key: null }, sizeBytes } as const
  }

  async #copyOf(chain: DiskChain) {
    return { is: 'chain', chain, sizeBytes: await shownBytesOf(chain) } as const
  }

  #standing(volume: string) {
    const record = this.records.get(volume)
    const top = record?.strata.top ?? null
    if (record === undefined || top === null) throw new Error(`volume ${volume} is not here`)
    return { record, top }
  }

  /** What was kept only for a volume that went goes as well. */
  async #tidyBelow(volume: string, nodes: readonly Node[]) {
    for (const { on } of nodes) {
      if (on?.is !== 'node' || on.volume === volume) continue
      const record = this.records.get(on.volume)
      if (record === undefined) continue
      if (record.strata.top === null) await this.remove(on.volume)
      else await this.#inTurn(on.volume, () => this.#change(on.volume, record, record.strata))
    }
  }

  #noLayer = (volume: string, snapshot: string) =>
    new Error(`volume ${volume} has no layer of snapshot ${snapshot}`)

  async #inTurn<T>(volume: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(volume) ?? Promise.resolve()).then(work, work)
    this.#turns.set(volume, turn)
    return await turn.finally(() => {
      if (this.#turns.get(volume) === turn) this.#turns.delete(volume)
    })
  }
}
