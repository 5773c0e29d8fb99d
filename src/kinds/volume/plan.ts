/** Decides, on a host, what must happen to one volume in its datastore. Pure. */

import { proceed, settled, wait, type Hold, type Plan } from '#model/plan.ts'
import type { VolumeSpec } from './schema.ts'

export type VolumeObserved = {
  readonly isDeleting: boolean
  readonly state: 'absent' | 'creating' | 'ready'
  readonly sizeBytes: number
  /** Whether its image is there; true when it has none. */
  readonly isImageReady: boolean
  readonly isDatastoreReady: boolean
  /** Whether a guest on this host has it open. */
  readonly isInUse: boolean
  /** Whether it belongs to the wish of a guest on this host, which may open it at any time. */
  readonly isHeld: boolean
}

export type VolumeStep =
  | { readonly do: 'create'; readonly sizeBytes: number | null }
  | { readonly do: 'grow'; readonly sizeBytes: number }
  | { readonly do: 'remove' }

export function planVolume(wish: VolumeSpec, seen: VolumeObserved): Plan<VolumeStep> {
  if (!seen.isDatastoreReady) return wait('volume/datastore-not-ready', { datastore: wish.datastore }, 2_000)
  if (seen.isDeleting) return planRemoval(seen)
  const sizeBytes = wish.sizeMib === undefined ? null : wish.sizeMib * 2 ** 20
  if (seen.state !== 'ready') {
    if (!seen.isImageReady) return wait('volume/image-not-ready', { image: wish.image ?? '' }, 2_000)
    return proceed({ do: 'create', sizeBytes })
  }
  if (sizeBytes === null || sizeBytes === seen.sizeBytes) return settled
  if (sizeBytes < seen.sizeBytes) {
    return wait('volume/shrink', {
      haveMib: Math.ceil(seen.sizeBytes / 2 ** 20),
      wantedMib: wish.sizeMib ?? 0,
    })
  }
  if (seen.isInUse) return wait('volume/grow-stopped-only', {}, 5_000)
  return proceed({ do: 'grow', sizeBytes })
}

const planRemoval = (seen: VolumeObserved): Plan<VolumeStep> => {
  if (seen.state === 'absent') return settled
  return seen.isInUse || seen.isHeld ? wait('volume/in-use', {}, 1_000) : proceed({ do: 'remove' })
}

/** What people are told of the volume's state. */
export function volumeState(seen: VolumeObserved, holds: readonly Hold[]) {
  if (seen.isDeleting && seen.state === 'absent') return 'gone' as const
  if (holds.some(({ code }) => code === 'object/failed'))
    return seen.state === 'ready' ? ('ready' as const) : ('failed' as const)
  if (seen.state === 'ready') return 'ready' as const
  return 'creating' as const
}
