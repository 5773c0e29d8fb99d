/**
 * Decides, on a host, what must happen to one image in its datastore. Pure.
 *
 *     starter: absent ──build──▶ ready        upload: absent (waits) ──content arrives──▶ ready
 */

import { proceed, settled, wait, type Plan } from '#model/plan.ts'
import type { ImageSpec, ImageStatus } from './schema.ts'

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
}

export type ImageStep = { readonly do: 'build' } | { readonly do: 'remove' }

export function planImage(wish: ImageSpec, seen: ImageObserved): Plan<ImageStep> {
  if (!seen.isDatastoreReady) return wait('volume/datastore-not-ready', { datastore: wish.datastore }, 2_000)
  if (seen.isDeleting) {
    if (seen.usedBy !== null) return wait('image/in-use', { volume: seen.usedBy }, 5_000)
    return seen.state === 'absent' && seen.activity.is !== 'receiving' && seen.activity.is !== 'building'
      ? settled
      : proceed({ do: 'remove' })
  }
  if (seen.state === 'ready') return settled
  switch (seen.activity.is) {
    case 'receiving':
      return wait('image/uploading')
    case 'building':
      return wait('image/building')
    case 'failed':
      if (!seen.activity.mayRetry) return wait('image/failed', { why: seen.activity.why })
      return wish.source === 'starter'
        ? proceed({ do: 'build' })
        : wait('image/failed', { why: seen.activity.why })
    case 'idle':
      return wish.source === 'starter' ? proceed({ do: 'build' }) : wait('image/waiting-for-content')
  }
}

export function imageState({ state, activity, isDeleting }: ImageObserved): ImageStatus['state'] {
  if (isDeleting && state === 'absent' && activity.is !== 'receiving' && activity.is !== 'building')
    return 'gone'
  if (state === 'ready') return 'ready'
  if (activity.is === 'failed') return 'failed'
  if (activity.is === 'receiving') return 'uploading'
  return activity.is === 'building' ? 'building' : 'waiting'
}
