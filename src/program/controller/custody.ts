/** The loop of volumes and images in the controller: who carries them out, and when they are forgotten. */

import type { Document, Stored } from '#model/document.ts'
import { planCustody, type CustodyObserved, type CustodyStep } from '#engines/custody/plan.ts'
import type { Replica } from '#runtime/replica.ts'
import type { Reconciler } from '#runtime/reconcile.ts'
import { edited, forgotten, put } from './documents.ts'
import type { HostAllocations } from './allocations.ts'
import { sourceOf, volumeOf } from './told.ts'
import type { VolumeKeys } from './volume-keys.ts'

type Kept = Document<
  {
    readonly datastore: string
    readonly snapshot?: string | null
    readonly volume?: string | null
    readonly isEncrypted?: boolean
  },
  { readonly state: string; readonly holds: readonly unknown[] }
>
type CustodySeen = { readonly document: Kept; readonly revision: number; readonly observed: CustodyObserved }

export type CustodyLoop = {
  readonly replica: Replica
  readonly allocations: HostAllocations
  readonly isConnected: (host: string) => boolean
  readonly keys: VolumeKeys
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
      'make-key': async () => {
        const source = sourceOf(replica, document as never)
        const made = on.keys.made(document.id, beneath(document, source, replica))
        // Its host is told of the key as of any other change of the wish.
        const { generation } = document
        if (made.length > 0)
          await replica.commit([...made, put({ ...document, generation: generation + 1 }, revision)])
      },
      assign: async ({ host }) => void (await replica.commit([put({ ...document, host }, revision)])),
      forget: async () => {
        await replica.commit([...forgotten(document, revision), ...on.keys.forgotten(document.id)])
      },
    }),
    tell: async ({ document, observed }, holds) => {
      // While an agent carries it out, what it says stands; the controller speaks only for the unassigned.
      if (observed.host !== null && observed.isHostConnected) return
      await edited(replica, document, (now) => ({ ...now, status: { ...(now.status as object), holds } }))
    },
  }
}

/**
 * The volume whose keys this one needs as well. What a snapshot's layers are its host says: it is not believed about what
 * lies elsewhere or is another project's, or it could have any volume's key sent to itself (I-45).
 */
function beneath(document: Kept, source: ReturnType<typeof sourceOf>, replica: Replica): string | null {
  const volume = source === undefined ? undefined : replica.get('volume', source.volume)?.document
  const isTheirs = volume?.host === source?.host && volume?.project === document.project
  return volume !== undefined && isTheirs ? volume.id : null
}

function observe(kind: 'volume' | 'image', document: Kept, on: CustodyLoop): CustodyObserved {
  const { isConnected } = on
  return {
    host: document.host,
    isHostConnected: document.host !== null && isConnected(document.host),
    isGone: document.status.state === 'gone',
    reaching: document.host === null ? reachingHosts(document, on) : [],
    isImage: kind === 'image',
    lacksKey: lacksKey(document, on),
  }
}

/** Looked up only for what nobody carries out yet: it goes through every host. */
function reachingHosts(document: Kept, { replica, allocations }: CustodyLoop): string[] {
  const { spec } = document
  const hosts = allocations
    .candidates()
    .filter(({ isConnected, datastores }) => isConnected && datastores.includes(spec.datastore))
    .map(({ name }) => name)
  // A copy is made where the volume lies.
  if (document.kind === 'image' && (spec.volume ?? null) !== null) {
    const volume = volumeOf(replica, document as never)
    return hosts.filter((name) => name === volume?.host)
  }
  if (spec.snapshot === undefined || spec.snapshot === null) return hosts
  // What it starts with lies on one host.
  const source = sourceOf(replica, document as never)
  return hosts.filter((name) => name === source?.host)
}

const lacksKey = ({ id, spec, deletingAtMs }: Kept, { keys }: CustodyLoop) =>
  spec.isEncrypted === true && deletingAtMs === null && !keys.has(id)
