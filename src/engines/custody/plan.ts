/**
 * Decides, in the controller, which host's agent carries out a document that lies in a datastore (a
 * volume, an image), and when such a document may be forgotten. Pure.
 */

import { proceed, settled, wait, type Plan } from '#model/plan.ts'

export type CustodyWish = { readonly datastore: string; readonly isDeleting: boolean }

export type CustodyObserved = {
  readonly host: string | null
  readonly isHostConnected: boolean
  /** Whether its agent has said that nothing is left. */
  readonly isGone: boolean
  /** Connected hosts that reach the datastore, by name. */
  readonly reaching: readonly string[]
  /** Whether the document is an image; else a volume. */
  readonly isImage: boolean
  /** Whether it is to be encrypted and has no key yet. */
  readonly lacksKey: boolean
}

export type CustodyStep =
  | { readonly do: 'assign'; readonly host: string }
  | { readonly do: 'make-key' }
  | { readonly do: 'forget' }

export function planCustody(wish: CustodyWish, seen: CustodyObserved): Plan<CustodyStep> {
  if (wish.isDeleting && (seen.host === null || seen.isGone)) return proceed({ do: 'forget' })
  if (seen.lacksKey) return proceed({ do: 'make-key' })
  if (seen.host === null) {
    const [host] = seen.reaching.toSorted()
    if (host !== undefined) return proceed({ do: 'assign', host })
    return seen.isImage
      ? wait('image/no-host')
      : wait('volume/datastore-not-ready', { datastore: wish.datastore })
  }
  if (!seen.isHostConnected) return wait('object/host-silent', { host: seen.host })
  return settled
}
