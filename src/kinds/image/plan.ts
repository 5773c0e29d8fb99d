/**
 * Decides, on a host, what must happen to one image in its datastore. Pure.
 *
 *     made:   absent ──make──▶ ready        upload: absent (waits) ──content arrives──▶ ready
 */

import { proceed, settled, wait, type Plan } from '#model/plan.ts'
import { sourceOf, type ImageSpec, type ImageStatus } from './schema.ts'

export type ImageActivity =
  | { readonly is: 'idle' }
  | { readonly is: 'receiving' | 'building'; readonly progress: NonNullable<ImageStatus['progress']> }
  | { readonly is: 'failed'; readonly why: string; readonly mayRetry: boolean }

export type ImageObserved = {
  readonly isDeleting: boolean
  readonly state: 'absent' | 'partial' | 'ready'
  readonly activity: ImageActivity
  readonly isDatastoreReady: boolean
  /** A volume on this host that stands on it, if any. */
  readonly usedBy: string | null
  /** The volume whose content it copies; `none`: it copies none. */
  readonly volume: 'none' | 'absent' | 'in-use' | 'ready'
}

export type ImageStep = { readonly do: 'make' } | { readonly do: 'remove' }

export function planImage(wish: ImageSpec, seen: ImageObserved): Plan<ImageStep> {
  if (!seen.isDatastoreReady) return wait('volume/datastore-not-ready', { datastore: wish.datastore }, 2_000)
  if (seen.isDeleting) {
    if (seen.usedBy !== null) return wait('image/in-use', { volume: seen.usedBy }, 5_000)
    return seen.state === 'absent' && !isBusy(seen) ? settled : proceed({ do: 'remove' })
  }
  if (seen.state === 'ready') return settled
  switch (seen.activity.is) {
    case 'receiving':
      return wait('image/uploading')
    case 'building':
      return wait('image/building')
    case 'failed':
      if (!seen.activity.mayRetry || sourceOf(wish) === 'upload')
        return wait('image/failed', { why: seen.activity.why })
      return begun(wish, seen)
    case 'idle':
      return begun(wish, seen)
  }
}

function begun(wish: ImageSpec, { volume }: ImageObserved): Plan<ImageStep> {
  const source = sourceOf(wish)
  if (source === 'upload') return wait('image/waiting-for-content')
  if (source === 'volume' && volume === 'absent')
    return wait('image/volume-absent', { volume: wish.volume ?? '?' }, 2_000)
  if (source === 'volume' && volume === 'in-use') return wait('volume/in-use', {}, 5_000)
  return proceed({ do: 'make' })
}

const isBusy = ({ activity }: ImageObserved) => activity.is === 'receiving' || activity.is === 'building'

export function imageState(seen: ImageObserved): ImageStatus['state'] {
  const { state, activity, isDeleting } = seen
  if (isDeleting && state === 'absent' && !isBusy(seen)) return 'gone'
  if (state === 'ready') return 'ready'
  if (activity.is === 'failed') return 'failed'
  if (activity.is === 'receiving') return 'uploading'
  return activity.is === 'building' ? 'building' : 'waiting'
}
