/**
 * Decides, on a host, what must happen to one snapshot. Pure.
 *
 *     none ──note──▶ begun ──prepare every disk──▶ [freeze ▸ switch, all at one moment ▸ thaw] ──raise──▶ taken
 *     memory of the moment lost: failed, and its layers go again · deleting: layers and memory go ──▶ gone
 *
 * Every deed can be repeated: which disks were prepared and switched is read from the datastore and the guest; what cannot be
 * read (that a guest was frozen) is noted first, and thawed first of all after a crash (I-38).
 */

import { limits } from '#model/limits.ts'
import { proceed, reason, settled, wait, type Hold, type Plan } from '#model/plan.ts'
import type { Json } from '#base/json.ts'
import type { Moment } from './parts.ts'
import type { Layer, SnapshotSpec, SnapshotStatus } from './schema.ts'

export type SnapshotRecord = {
  readonly phase: 'none' | 'begun' | 'taken' | 'failed' | 'gone'
  readonly takenAtMs: number | null
  readonly layers: readonly Layer[]
  /** Whether the guest may be frozen for it now, and whether it was at the moment. */
  readonly mayBeFrozen: boolean
  readonly wasFrozen: boolean
  readonly memoryBytes: number
  readonly pausedMs: number | null
  /** What its memory fits into, and where the parts sat, in the hypervisor's own words. */
  readonly moment: Moment | null
  readonly layout: Json
  /** Why it failed; null: it has not. */
  readonly failure: Hold | null
}

export const blankSnapshot: SnapshotRecord = {
  phase: 'none',
  takenAtMs: null,
  layers: [],
  mayBeFrozen: false,
  wasFrozen: false,
  memoryBytes: 0,
  pausedMs: null,
  moment: null,
  layout: {},
  failure: null,
}

/** One of its disks as it stands now. */
export type SnapshotDisk = Layer & {
  readonly isReady: boolean
  readonly isEncrypted: boolean
  readonly depth: number
  /** Whether the volume keeps a layer of this snapshot. */
  readonly hasLayer: boolean
  /** The snapshot for which a new top is prepared, and that top's file. */
  readonly next: { readonly snapshot: string; readonly file: string } | null
  /** The file that the guest's process has open as this disk's top; null: there is no process, or it is not known. */
  readonly openFile: string | null
}

export type SnapshotObserved = {
  readonly id: string
  readonly isDeleting: boolean
  readonly record: SnapshotRecord
  readonly disks: readonly SnapshotDisk[]
  /** The guest's process: `none` also when it only waits to be reaped. */
  readonly guest: 'none' | 'standing' | 'busy'
  readonly hasAgent: boolean
  readonly hasMemory: boolean
  /** Why its memory could not be brought back on this host; null: it could. */
  readonly unfit: Hold | null
  /** Name of another snapshot of the machine that is under way; null: none. */
  readonly other: string | null
}

export type SnapshotStep =
  | { readonly do: 'note'; readonly record: SnapshotRecord }
  | { readonly do: 'prepare'; readonly disks: readonly Layer[] }
  | { readonly do: 'freeze'; readonly mayFail: boolean }
  | { readonly do: 'switch'; readonly disks: readonly Layer[]; readonly withMemory: boolean }
  | { readonly do: 'raise'; readonly disks: readonly Layer[] }
  | { readonly do: 'lower'; readonly disks: readonly Layer[] }
  | { readonly do: 'thaw' }
  | { readonly do: 'drop'; readonly disks: readonly Layer[] }
  | { readonly do: 'taken' }

export function planSnapshot(wish: SnapshotSpec, seen: SnapshotObserved): Plan<SnapshotStep> {
  const { record } = seen
  if (record.mayBeFrozen)
    return proceed<SnapshotStep>({ do: 'thaw' }, noteOf({ ...record, mayBeFrozen: false }))
  if (seen.isDeleting) return planDeletion(seen)
  switch (record.phase) {
    case 'none':
      return planBegin(wish, seen)
    case 'begun':
      return planTaking(wish, seen)
    case 'failed':
      return planFailed(seen)
    default:
      return seen.unfit === null ? settled : { steps: [], holds: [seen.unfit] }
  }
}

const noteOf = (record: SnapshotRecord): SnapshotStep => ({ do: 'note', record })

const plain = ({ disk, volume, volumeName, datastore, sizeBytes }: Layer): Layer => ({
  disk,
  volume,
  volumeName,
  datastore,
  sizeBytes,
})

function planBegin(wish: SnapshotSpec, seen: SnapshotObserved): Plan<SnapshotStep> {
  const { disks, other, guest, record } = seen
  if (other !== null) return wait('snapshot/another', { snapshot: other }, 500)
  const unready = disks.find(({ isReady }) => !isReady)
  if (unready !== undefined) return wait('snapshot/volume-not-ready', { volume: unready.volumeName }, 1_000)
  if (disks.length === 0) return wait('snapshot/no-disks', {}, 2_000)
  const deep = disks.find(({ depth }) => depth >= limits.layersPerVolume)
  if (deep !== undefined)
    return wait('snapshot/too-deep', { volume: deep.volumeName, limit: limits.layersPerVolume }, 5_000)
  if (guest === 'busy') return wait('snapshot/guest-busy', {}, 500)
  if (wish.withMemory && guest === 'none') return wait('snapshot/not-running', {}, 2_000)
  if (wish.withMemory && disks.some(({ isEncrypted }) => isEncrypted)) return wait('snapshot/memory-plain')
  if (wish.freeze === 'always' && guest === 'standing' && !seen.hasAgent)
    return wait('snapshot/no-agent', {}, 2_000)
  return proceed(noteOf({ ...record, phase: 'begun', layers: disks.map(plain) }))
}

function planTaking(wish: SnapshotSpec, seen: SnapshotObserved): Plan<SnapshotStep> {
  const { disks, id, guest } = seen
  const missing = disks.filter(({ hasLayer, next }) => !hasLayer && next?.snapshot !== id)
  const isWhole = disks.every(({ hasLayer }) => hasLayer)
  const isLost = wish.withMemory && (!seen.hasMemory || seen.record.moment === null)
  if (isWhole) return isLost ? fail(seen) : proceed({ do: 'taken' })
  if (guest === 'busy') return wait('snapshot/guest-busy', {}, 500)
  const blocked = missing.find(({ next }) => next !== null)
  if (blocked !== undefined) return wait('snapshot/another', { snapshot: blocked.next?.snapshot ?? '' }, 500)
  if (missing.length > 0) return proceed({ do: 'prepare', disks: missing.map(plain) })
  const waiting = disks.filter(({ hasLayer }) => !hasLayer)
  // A disk that the process does not have open has nothing to switch.
  const isSwitched = waiting.every(({ next, openFile }) => openFile === null || next?.file === openFile)
  const raise: SnapshotStep = { do: 'raise', disks: waiting.map(plain) }
  // Without a process the tops above show the same, written to or not.
  if (guest === 'none' || isSwitched) return proceed(raise)
  const isFreezing = wish.freeze === 'always' || (wish.freeze === 'auto' && seen.hasAgent)
  // Memory holds what is not written yet: nothing is gained by freezing.
  if (!isFreezing || wish.withMemory) return proceed(switchOf(wish, disks), raise)
  return proceed<SnapshotStep>(
    noteOf({ ...seen.record, mayBeFrozen: true }),
    { do: 'freeze', mayFail: wish.freeze === 'auto' },
    switchOf(wish, disks),
    { do: 'thaw' },
    raise,
  )
}

const switchOf = ({ withMemory }: SnapshotSpec, disks: readonly SnapshotDisk[]): SnapshotStep => ({
  do: 'switch',
  disks: disks.filter(({ openFile }) => openFile !== null).map(plain),
  withMemory,
})

/** Its disks are of one moment, its memory is not there: a half is worth nothing. */
const fail = ({ record }: SnapshotObserved): Plan<SnapshotStep> =>
  proceed(noteOf({ ...record, phase: 'failed', failure: reason('snapshot/memory-lost') }))

function planFailed(seen: SnapshotObserved): Plan<SnapshotStep> {
  const left = seen.disks.filter(({ hasLayer }) => hasLayer)
  if (left.length > 0) return proceed({ do: 'drop', disks: left.map(plain) })
  return seen.record.failure === null ? settled : { steps: [], holds: [seen.record.failure] }
}

function planDeletion(seen: SnapshotObserved): Plan<SnapshotStep> {
  const { record, disks, id, guest } = seen
  if (record.phase === 'gone') return settled
  const prepared = disks.filter(({ next }) => next?.snapshot === id)
  if (prepared.length > 0) {
    if (guest === 'busy') return wait('snapshot/guest-busy', {}, 500)
    const isOn = ({ next, openFile }: SnapshotDisk) =>
      guest === 'none' || openFile === null || next?.file === openFile
    const used = prepared.filter(isOn)
    // What a guest may have written to stays; what it never went over to is given up.
    return used.length > 0
      ? proceed({ do: 'raise', disks: used.map(plain) })
      : proceed({ do: 'lower', disks: prepared.map(plain) })
  }
  return proceed<SnapshotStep>({ do: 'drop', disks: disks.map(plain) }, noteOf({ ...record, phase: 'gone' }))
}

const states = {
  none: 'pending',
  begun: 'creating',
  taken: 'ready',
  failed: 'failed',
  gone: 'gone',
} as const

/** What people are told of it. */
export function snapshotStatus(
  { record, isDeleting }: SnapshotObserved,
  holds: readonly Hold[],
): Omit<SnapshotStatus, 'parent' | 'reverts' | 'machine'> {
  const state = states[record.phase]
  return {
    conditions: [],
    holds: [...holds],
    state: isDeleting && state !== 'gone' ? 'deleting' : state,
    takenAtMs: record.takenAtMs,
    isFrozen: record.wasFrozen,
    memoryBytes: record.memoryBytes,
    layers: [...record.layers],
    pausedSeconds: record.pausedMs === null ? null : record.pausedMs / 1000,
    moment: record.moment,
    progress: null,
  }
}
