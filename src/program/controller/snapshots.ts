/** The loop of snapshots in the controller: who takes them, what they stand above, and when they are forgotten. */

import type { Document, Stored } from '#model/document.ts'
import {
  planSnapshotCustody,
  standsOn,
  type SnapshotCustodyObserved,
  type SnapshotCustodyStep,
} from '#engines/custody/snapshot.ts'
import type { MachineDocument } from '#kinds/machine/schema.ts'
import type { SnapshotDocument } from '#kinds/snapshot/schema.ts'
import type { Change } from '#drivers/store/port.ts'
import type { Reconciler } from '#runtime/reconcile.ts'
import type { Replica, Seen } from '#runtime/replica.ts'
import type { Clock } from '#drivers/clock/port.ts'
import { edited, forgotten, put } from './documents.ts'
import { lookUp } from './told.ts'

type SnapshotSeen = {
  readonly document: SnapshotDocument
  readonly revision: number
  readonly observed: SnapshotCustodyObserved
}

export type SnapshotLoop = {
  readonly replica: Replica
  readonly clock: Clock
  readonly isConnected: (host: string) => boolean
}

export function snapshotCustody(
  on: SnapshotLoop,
): Reconciler<SnapshotSeen, SnapshotCustodyStep, readonly unknown[]> {
  const { replica, clock } = on
  return {
    name: 'snapshot',
    observe: async (id) => {
      const stored = replica.get('snapshot', id) as Stored<SnapshotDocument> | undefined
      return stored === undefined ? undefined : { ...stored, observed: observe(stored.document, on) }
    },
    plan: ({ document, observed }) => planSnapshotCustody(document.spec, observed),
    report: (_, plan) => plan.holds,
    hands: ({ document, revision }) => ({
      assign: async ({ host, machine, parent, reverts }) => {
        const status = { ...document.status, machine, parent, reverts }
        await replica.commit([put({ ...document, host, status }, revision)])
      },
      delete: async () => {
        const { generation } = document
        const leaving = { ...document, deletingAtMs: clock.now(), generation: generation + 1 }
        await replica.commit([put(leaving, revision)])
      },
      stand: async ({ name }) => {
        const machine = { kind: 'machine', id: document.status.machine ?? '' }
        await edited(replica, machine, (now) => ({
          ...now,
          status: { ...(now.status as object), snapshot: name },
        }))
      },
      forget: async () => {
        await replica.commit([...forgotten(document, revision), ...orphans(replica, document)])
      },
    }),
    tell: async ({ document, observed }, holds) => {
      if (observed.host !== null && observed.isHostConnected) return
      await edited(replica, document, (now) => ({ ...now, status: { ...(now.status as object), holds } }))
    },
  }
}

function observe(
  document: SnapshotDocument,
  { replica, isConnected }: SnapshotLoop,
): SnapshotCustodyObserved {
  const { host, status } = document
  const named = lookUp(replica, 'machine', document, document.spec.machine) as MachineDocument | undefined
  const own =
    status.machine === null
      ? undefined
      : (replica.get('machine', status.machine) as Stored<MachineDocument> | undefined)?.document
  return {
    isDeleting: document.deletingAtMs !== null,
    host,
    isHostConnected: host !== null && isConnected(host),
    isGone: status.state === 'gone',
    machine: status.machine === null ? 'unknown' : own === undefined ? 'gone' : 'there',
    candidate:
      named === undefined || named.deletingAtMs !== null
        ? null
        : {
            id: named.id,
            host: named.host,
            standsOn: named.status.snapshot,
            reverts: named.status.revertedAt,
          },
    newStand: own === undefined || status.state !== 'ready' ? null : newStand(replica, own),
  }
}

const ofMachine = (replica: Replica, machine: string) =>
  (replica.by('snapshots-of', machine) as Stored<SnapshotDocument>[]).map(({ document }) => document)

/** What a machine stands on, where it says otherwise. */
function newStand(replica: Replica, machine: MachineDocument): { readonly name: string | null } | null {
  const { revert } = machine.spec
  const { revertedAt, snapshot } = machine.status
  // While it goes back it stands on nothing that can be said.
  if (revert !== null && revert.at > revertedAt) return null
  const all = ofMachine(replica, machine.id).map(({ name, status }) => ({
    name,
    isReady: status.state === 'ready',
    takenAtMs: status.takenAtMs ?? 0,
    reverts: status.reverts,
  }))
  const name = standsOn({ reverts: revertedAt, wentBackTo: revert?.snapshot ?? null }, all)
  return name === snapshot ? null : { name }
}

/** What stood above a snapshot that goes stands above what that stood on. */
function orphans(replica: Replica, gone: SnapshotDocument): Change[] {
  const { machine, parent } = gone.status
  const mine = machine === null ? [] : ofMachine(replica, machine)
  const children = mine
    .filter(({ id, status }) => id !== gone.id && status.parent === gone.name)
    .slice(0, 64)
    .flatMap(({ id }) => (replica.get('snapshot', id) as Stored<SnapshotDocument> | undefined) ?? [])
  const moved = children.map(({ document, revision }) =>
    put({ ...document, status: { ...document.status, parent } }, revision),
  )
  const stored =
    machine === null ? undefined : (replica.get('machine', machine) as Stored<MachineDocument> | undefined)
  if (stored?.document.status.snapshot !== gone.name) return moved
  const { document, revision } = stored
  return [...moved, put({ ...document, status: { ...document.status, snapshot: parent } }, revision)]
}

/** Ids of the snapshots that a change may concern. */
export function snapshotsConcerned(replica: Replica, { kind, id, before, after }: Seen): readonly string[] {
  if (kind === 'snapshot') return [id]
  if (kind !== 'machine') return []
  const document = (after ?? before)?.document as Document
  return [
    ...ofMachine(replica, id).map((each) => each.id),
    ...replica
      .by('snapshots-naming', document.name)
      .filter(({ document: each }) => each.host === null)
      .map(({ document: each }) => each.id),
  ]
}
