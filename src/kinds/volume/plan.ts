/**
 * Decides, on a host, what must happen to one volume in its datastores. Pure.
 *
 *     absent ──create──▶ ready ──grow · revert · merge──▶ ready
 *     wished elsewhere: ──copy, or mirror while a guest runs──▶ ready there ──remove-old──▶ ready
 */

import { proceed, settled, wait, type Hold, type Plan } from '#model/plan.ts'
import type { VolumeSpec } from './schema.ts'

/** A layer that is to be merged into the one file that stands on it, as the datastore tells. */
export type Merge = {
  readonly into: string
  readonly gone: string
  readonly base: string | null
  readonly isTop: boolean
}

/** The guest's process that has it open. */
export type VolumeUser = {
  readonly guest: string
  readonly disk: string
  /** Its top as the process has it open; null: not known. */
  readonly file: string | null
  /** Whether that file lies where the volume is wished. */
  readonly isHere: boolean
}

export type VolumeObserved = {
  readonly isDeleting: boolean
  readonly state: 'absent' | 'creating' | 'ready'
  readonly sizeBytes: number
  /** Why what it starts with is not there; null: it is, or it starts with nothing. */
  readonly sourceHold: Hold | null
  readonly isDatastoreReady: boolean
  /** Whether a guest on this host has it open. */
  readonly isInUse: boolean
  readonly user: VolumeUser | null
  /** Whether it belongs to the wish of a guest on this host, which may open it at any time. */
  readonly isHeld: boolean
  /** Whether the keys that it needs are here. */
  readonly hasKey: boolean
  readonly layers: number
  readonly snapshots: readonly string[]
  readonly isSnapshotUnderWay: boolean
  readonly merge: Merge | null
  /** The revert that is wished, with the id of its snapshot (null: there is none such); null: none. */
  readonly revert: { readonly snapshot: string | null; readonly name: string; readonly at: number } | null
  readonly revertedAt: number
  /** Another datastore of this host in which content of it lies; null: none. */
  readonly elsewhere: string | null
  /** Whether the content here is still coming from there. */
  readonly isArriving: boolean
  /** Why its datastore may not promise it its size; null: it may. */
  readonly roomHold: Hold | null
  /** Whether a guest is told to make it as large as is wished. */
  readonly growsWithGuest: boolean
}

export type VolumeStep =
  | { readonly do: 'create'; readonly sizeBytes: number | null }
  | { readonly do: 'grow'; readonly sizeBytes: number }
  | { readonly do: 'remove' }
  | { readonly do: 'revert'; readonly snapshot: string; readonly at: number }
  | { readonly do: 'merge' }
  | { readonly do: 'merge-live'; readonly guest: string; readonly disk: string; readonly merge: Merge }
  | { readonly do: 'copy'; readonly from: string }
  | { readonly do: 'mirror'; readonly from: string; readonly guest: string; readonly disk: string }
  | { readonly do: 'discard' }
  | { readonly do: 'remove-old'; readonly from: string }

export function planVolume(wish: VolumeSpec, seen: VolumeObserved): Plan<VolumeStep> {
  if (!seen.isDatastoreReady) return wait('volume/datastore-not-ready', { datastore: wish.datastore }, 2_000)
  if (seen.isDeleting) return planRemoval(seen)
  if (seen.elsewhere !== null) return planMove(seen, seen.elsewhere)
  // What was to come from elsewhere is nowhere else any more: the files here are all that there is.
  if (seen.state !== 'ready' && !seen.isArriving) return planCreation(wish, seen)
  return planReady(wish, seen)
}

const bytesOf = ({ sizeMib }: VolumeSpec) => (sizeMib === undefined ? null : sizeMib * 2 ** 20)

function planCreation(wish: VolumeSpec, seen: VolumeObserved): Plan<VolumeStep> {
  if (seen.sourceHold !== null) return { steps: [], holds: [seen.sourceHold], againMs: 2_000 }
  if (wish.isEncrypted && wish.format === 'raw') return wait('volume/encrypted-needs-qcow2')
  if (!seen.hasKey) return wait('volume/no-key', {}, 2_000)
  if (seen.roomHold !== null) return { steps: [], holds: [seen.roomHold], againMs: 10_000 }
  return proceed({ do: 'create', sizeBytes: bytesOf(wish) })
}

function planReady(wish: VolumeSpec, seen: VolumeObserved): Plan<VolumeStep> {
  const { revert } = seen
  if (revert !== null && revert.at !== seen.revertedAt) return planRevert(seen, revert)
  if (seen.merge !== null && !seen.isSnapshotUnderWay) return planMerge(seen, seen.merge)
  return planSize(wish, seen)
}

function planRevert(
  seen: VolumeObserved,
  { snapshot, name, at }: NonNullable<VolumeObserved['revert']>,
): Plan<VolumeStep> {
  if (seen.isInUse) return wait('volume/in-use', {}, 1_000)
  if (snapshot === null || !seen.snapshots.includes(snapshot))
    return wait('volume/snapshot-missing', { snapshot: name }, 5_000)
  if (!seen.hasKey) return wait('volume/no-key', {}, 2_000)
  return proceed({ do: 'revert', snapshot, at })
}

function planMerge({ isInUse, user }: VolumeObserved, merge: Merge): Plan<VolumeStep> {
  if (!isInUse || !merge.isTop) return proceed({ do: 'merge' })
  if (user === null || user.file !== merge.into) return wait('volume/merge-waits', {}, 2_000)
  return proceed({ do: 'merge-live', guest: user.guest, disk: user.disk, merge })
}

function planSize(wish: VolumeSpec, seen: VolumeObserved): Plan<VolumeStep> {
  const sizeBytes = bytesOf(wish)
  if (sizeBytes === null || sizeBytes === seen.sizeBytes) return settled
  if (sizeBytes < seen.sizeBytes) {
    return wait('volume/shrink', {
      haveMib: Math.ceil(seen.sizeBytes / 2 ** 20),
      wantedMib: wish.sizeMib ?? 0,
    })
  }
  if (!seen.isInUse) return proceed({ do: 'grow', sizeBytes })
  return seen.growsWithGuest
    ? wait('volume/grows-with-guest', {}, 2_000)
    : wait('volume/grow-stopped-only', {}, 5_000)
}

/**
 * What is ready where it is wished holds, and the old is removed; what is not whole there yet is nothing. A mirror says
 * that all has come before its guest goes over, so a guest still on the old one is only led on.
 */
function planMove(seen: VolumeObserved, from: string): Plan<VolumeStep> {
  const isWhole = seen.state === 'ready' && !seen.isArriving
  const isOnOld = seen.isInUse && seen.user?.isHere !== true
  if (isWhole && !isOnOld) return proceed({ do: 'remove-old', from })
  if (seen.snapshots.length > 0 || seen.isSnapshotUnderWay) return wait('volume/move-has-snapshots')
  if (!seen.hasKey) return wait('volume/no-key', {}, 2_000)
  if (seen.isInUse)
    return seen.user === null
      ? wait('volume/in-use', {}, 2_000)
      : proceed({ do: 'mirror', from, guest: seen.user.guest, disk: seen.user.disk })
  return seen.isArriving ? proceed({ do: 'discard' }) : proceed({ do: 'copy', from })
}

const planRemoval = (seen: VolumeObserved): Plan<VolumeStep> => {
  if (seen.state === 'absent' && seen.elsewhere === null && !seen.isArriving) return settled
  return seen.isInUse || seen.isHeld ? wait('volume/in-use', {}, 1_000) : proceed({ do: 'remove' })
}

/** What people are told of the volume's state. */
export function volumeState(seen: VolumeObserved, holds: readonly Hold[]) {
  const isAbsent = seen.state === 'absent' && seen.elsewhere === null
  if (seen.isDeleting && isAbsent) return 'gone' as const
  const isReady = seen.state === 'ready' || seen.elsewhere !== null
  if (holds.some(({ code }) => code === 'object/failed'))
    return isReady ? ('ready' as const) : ('failed' as const)
  return isReady ? ('ready' as const) : ('creating' as const)
}
