/** Differences between the disks that are wished and those that run. Pure. */

import { same } from '#base/json.ts'
import { reason } from '#model/plan.ts'
import type { GuestDisk } from './parts.ts'
import type { Difference } from './plan-parts.ts'
import {
  note,
  type GuestObserved,
  type GuestRecord,
  type GuestRunning,
  type LiveStep,
} from './plan-record.ts'
import type { GuestSpec } from './schema.ts'

type Differences = {
  readonly going: readonly Difference[]
  readonly coming: readonly Difference[]
  readonly changing: readonly Difference[]
}

/** Buses whose disks come and go while the guest runs; the firmware boots the first disk, which stays. */
const hotBuses: ReadonlySet<string> = new Set(['virtio', 'scsi', 'nvme', 'usb'])
const bootDisk = 'disk0'

const canCome = ({ bus }: GuestDisk, { machineType }: GuestRunning) =>
  machineType !== 'microvm' && hotBuses.has(bus)

const canGo = (disk: GuestDisk, running: GuestRunning) => disk.id !== bootDisk && canCome(disk, running)

/** How a disk is attached, of what cannot be changed while it is. */
const attachment = ({ bus, cache, io, discard, isReadOnly }: GuestDisk) =>
  [bus, cache, io, discard, isReadOnly].join()

const restart: Difference = { restart: 'disks' }

export function diskDifferences(wish: GuestSpec, seen: GuestObserved, running: GuestRunning): Differences {
  const { record } = seen
  const wished = new Map(wish.disks.map((disk) => [disk.id, disk]))
  const going: Difference[] = []
  const stays = new Set<string>()
  for (const disk of openDisks(seen, running)) {
    const other = wished.get(disk.id)
    if (other !== undefined && (disk.volume === null || other.volume === disk.volume)) continue
    stays.add(disk.id)
    going.push(isThere(running, disk.id) && !disk.canGo ? restart : goes(record, disk.id))
  }
  const kept = wish.disks.filter(({ id }) => !stays.has(id))
  return {
    going,
    coming: kept.filter(({ id }) => !isThere(running, id)).map((disk) => comes(disk, seen, running)),
    changing: kept.filter(({ id }) => isThere(running, id)).flatMap((disk) => changes(disk, record, running)),
  }
}

const isThere = ({ disks }: GuestRunning, id: string) => disks.some((disk) => disk.id === id)

type Open = { readonly id: string; readonly volume: string | null; readonly canGo: boolean }

/** All that the process may have open; of a disk that nobody noted the volume is not known. */
function openDisks({ record }: GuestObserved, running: GuestRunning): Open[] {
  const noted = record.disks.map((disk) => ({
    id: disk.id,
    volume: disk.volume,
    canGo: canGo(disk, running),
  }))
  const strange = running.disks.filter(({ id }) => !record.disks.some((disk) => disk.id === id))
  const hot = running.machineType !== 'microvm'
  return [...noted, ...strange.map(({ id }) => ({ id, volume: null, canGo: hot && id !== bootDisk }))]
}

const without = (record: GuestRecord, id: string): GuestRecord => ({
  ...record,
  disks: record.disks.filter((disk) => disk.id !== id),
})

function noted(record: GuestRecord, disk: GuestDisk) {
  const isNew = !record.disks.some(({ id }) => id === disk.id)
  const disks = record.disks.map((one) => (one.id === disk.id ? disk : one))
  return note({ ...record, disks: isNew ? [...disks, disk] : disks })
}

/** Also of a disk that was only begun to be attached: what was left of that goes. */
function goes(record: GuestRecord, id: string): Difference {
  const live: LiveStep = { do: 'detach-disk', disk: id }
  return { live, steps: [live, note(without(record, id))] }
}

function comes(disk: GuestDisk, seen: GuestObserved, running: GuestRunning): Difference {
  const { record, waits } = seen
  if (!canCome(disk, running)) return restart
  const elsewhere = record.disks.find(({ id, volume }) => volume === disk.volume && id !== disk.id)
  if (elsewhere !== undefined) return { wait: reason('guest/clings', { part: elsewhere.id }) }
  const wait = waits[`disk/${disk.id}`]
  if (wait !== undefined) return { wait }
  const live: LiveStep = { do: 'attach-disk', disk: disk.id, volume: disk.volume }
  const before = record.disks.find(({ id }) => id === disk.id)
  return { live, steps: same(before, disk) ? [live] : [noted(record, disk), live] }
}

function changes(disk: GuestDisk, record: GuestRecord, running: GuestRunning): Difference[] {
  const before = record.disks.find(({ id }) => id === disk.id) ?? disk
  const sizeBytes = running.disks.find(({ id }) => id === disk.id)?.sizeBytes ?? 0
  return [
    ...(attachment(before) === attachment(disk) ? [] : [restart]),
    ...resizes(disk, sizeBytes),
    ...limitsOf(disk, before, record),
  ]
}

function resizes({ id, sizeBytes, isReadOnly }: GuestDisk, hasBytes: number): Difference[] {
  if (sizeBytes === null || isReadOnly || hasBytes >= sizeBytes) return []
  const live: LiveStep = { do: 'resize-disk', disk: id, sizeBytes }
  return [{ live, steps: [live] }]
}

function limitsOf(disk: GuestDisk, before: GuestDisk, record: GuestRecord): Difference[] {
  const { id, iops, mibPerSecond } = disk
  if (before.iops === iops && before.mibPerSecond === mibPerSecond) return []
  const live: LiveStep = { do: 'limit-disk', disk: id, iops, mibPerSecond }
  return [{ live, steps: [live, noted(record, { ...before, iops, mibPerSecond })] }]
}
