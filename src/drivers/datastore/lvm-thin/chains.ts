/** What of a thin pool lies on what: chains as guests open them, sizes, and what can be merged. */

import type { DiskChain, VolumeMerge, VolumeSight } from '#drivers/datastore/port.ts'
import { mergeOf, pathFrom, type Base } from '#drivers/ground/strata.ts'
import type { FileLayer } from '#drivers/hypervisor/port.ts'
import type { Pieces } from './pieces.ts'
import type { Records, VolumeRecord } from './records.ts'

/** A raw piece may be larger than what was wished by less than this: extents of a group are at most so large. */
const extentBytes = 2 ** 28

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

export class ThinChains {
  readonly #records: Records
  readonly #pieces: Pieces

  constructor(records: Records, pieces: Pieces) {
    this.#records = records
    this.#pieces = pieces
  }

  /** Size of what a node shows: as wished where its piece is only rounded up. */
  async sizeOf(record: VolumeRecord, node: string): Promise<number> {
    const shown = await this.shownBytes(record, node)
    const isRounded = shown > record.sizeBytes && shown - record.sizeBytes < extentBytes
    return isRounded && record.strata.nodes[node]?.format === 'raw' ? record.sizeBytes : shown
  }

  async shownBytes({ strata, pieces }: VolumeRecord, node: string): Promise<number> {
    const piece = pieces[node] ?? ''
    if (strata.nodes[node]?.format === 'raw') return (await this.#pieces.find(piece)).sizeBytes
    return await this.#pieces.shownBytes(piece)
  }

  /** From a node down to the last that it stands on, through volumes. */
  path(volume: string, record: VolumeRecord, from: string) {
    const found: { readonly record: VolumeRecord; readonly node: string }[] = []
    let at: Base | null = { is: 'node', volume, node: from }
    while (at?.is === 'node') {
      const here: VolumeRecord | undefined = at.volume === volume ? record : this.#records.get(at.volume)
      if (here === undefined) throw new Error(`a layer of volume ${at.volume} is missing`)
      const { path, foot } = pathFrom(here.strata, at.volume, at.node)
      found.push(...path.map((node) => ({ record: here, node })))
      at = foot
    }
    return found
  }

  /** `ownerUid` gets the first; all beneath it is only read. */
  async chain(
    volume: string,
    record: VolumeRecord,
    from: string,
    ownerUid: number | null,
  ): Promise<DiskChain> {
    const [top, ...below] = this.path(volume, record, from)
    if (top === undefined) throw new Error(`volume ${volume} has no piece`)
    const backing: FileLayer[] = []
    for (const each of below) backing.push(await this.layer(each.record, each.node, null))
    return { ...(await this.layer(top.record, top.node, ownerUid)), backing }
  }

  async layer({ strata, pieces }: VolumeRecord, node: string, ownerUid: number | null): Promise<FileLayer> {
    const { format = 'raw', key = null } = strata.nodes[node] ?? {}
    return { file: await this.#pieces.shown(pieces[node] ?? '', ownerUid), format, key, isDevice: true }
  }

  fileOf = ({ pieces }: VolumeRecord, node: string) => this.#pieces.fileOf(pieces[node] ?? '')

  merge(volume: string, record: VolumeRecord): VolumeMerge | null {
    const work = mergeOf(record.strata, volume, this.#records.isStoodOn(volume))
    if (work === null) return null
    const [, , base] = this.path(volume, record, work.into)
    return {
      into: this.fileOf(record, work.into),
      gone: this.fileOf(record, work.gone),
      base: base === undefined ? null : this.fileOf(base.record, base.node),
      isTop: work.into === record.strata.top,
    }
  }
}
