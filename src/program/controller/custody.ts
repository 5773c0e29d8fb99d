/** The loop of volumes and images in the controller: who carries them out, and when they are forgotten. */

import type { Document, Stored } from '#model/document.ts'
import { planCustody, type CustodyObserved, type CustodyStep } from '#engines/custody/plan.ts'
import type { Replica } from '#runtime/replica.ts'
import type { Reconciler } from '#runtime/reconcile.ts'
import { edited, forgotten, put } from './documents.ts'
import type { HostAllocations } from './allocations.ts'

type Kept = Document<
  { readonly datastore: string },
  { readonly state: string; readonly holds: readonly unknown[] }
>
type CustodySeen = { readonly document: Kept; readonly revision: number; readonly observed: CustodyObserved }

export type CustodyLoop = {
  readonly replica: Replica
  readonly allocations: HostAllocations
  readonly isConnected: (host: string) => boolean
}

export function custodyReconciler(
  kind: 'volume' | 'image',
  on: CustodyLoop,
): Reconciler<CustodySeen, CustodyStep, readonly unknown[]> {
  const { replica } = on
  return {
    name: kind,
    observe: async (id) => {
      const stored = replica.get(kind, id) as Stored<Kept> | undefined
      return stored === undefined ? undefined : { ...stored, observed: observe(kind, stored.document, on) }
    },
    plan: ({ document, observed }) =>
      planCustody(
        { datastore: document.spec.datastore, isDeleting: document.deletingAtMs !== null },
        observed,
      ),
    report: (_, plan) => plan.holds,
    hands: ({ document, revision }) => ({
      assign: async ({ host }) => void (await replica.commit([put({ ...document, host }, revision)])),
      forget: async () => void (await replica.commit(forgotten(document, revision))),
    }),
    tell: async ({ document, observed }, holds) => {
      // While an agent carries it out, what it says stands; the controller speaks only for the unassigned.
      if (observed.host !== null && observed.isHostConnected) return
      await edited(replica, document, (now) => ({ ...now, status: { ...(now.status as object), holds } }))
    },
  }
}

function observe(
  kind: 'volume' | 'image',
  document: Kept,
  { allocations, isConnected }: CustodyLoop,
): CustodyObserved {
  return {
    host: document.host,
    isHostConnected: document.host !== null && isConnected(document.host),
    isGone: document.status.state === 'gone',
    reaching: document.host === null ? reachingHosts(document, allocations) : [],
    isImage: kind === 'image',
  }
}

/** Looked up only for what nobody carries out yet: it goes through every host. */
const reachingHosts = ({ spec }: Kept, allocations: HostAllocations): string[] =>
  allocations
    .candidates()
    .filter(({ isConnected, datastores }) => isConnected && datastores.includes(spec.datastore))
    .map(({ name }) => name)
