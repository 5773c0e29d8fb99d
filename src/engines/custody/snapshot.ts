/** Decides, in the controller, which host takes a machine's snapshot, what it stands above, and when it is forgotten. Pure. */

import { proceed, settled, wait, type Plan } from '#model/plan.ts'

export type SnapshotCustodyObserved = {
  readonly isDeleting: boolean
  readonly host: string | null
  readonly isHostConnected: boolean
  /** Whether its agent has said that nothing is left. */
  readonly isGone: boolean
  /** The machine as it was resolved when the snapshot was wished; `unknown` before. */
  readonly machine: 'unknown' | 'there' | 'gone'
  /** Whether a machine of that name is there, with a host and disks, and what it stands on. */
  readonly candidate: {
    readonly id: string
    readonly host: string | null
    readonly standsOn: string | null
    readonly reverts: number
  } | null
  /** What the machine should say that it stands on, if that is not what it says. */
  readonly newStand: { readonly name: string | null } | null
}

export type SnapshotCustodyStep =
  | {
      readonly do: 'assign'
      readonly host: string
      readonly machine: string
      readonly parent: string | null
      readonly reverts: number
    }
  | { readonly do: 'delete' }
  | { readonly do: 'stand'; readonly name: string | null }
  | { readonly do: 'forget' }

export function planSnapshotCustody(
  wish: { readonly machine: string },
  seen: SnapshotCustodyObserved,
): Plan<SnapshotCustodyStep> {
  if (seen.isDeleting && (seen.host === null || seen.isGone)) return proceed({ do: 'forget' })
  if (seen.machine === 'gone' && !seen.isDeleting) return proceed({ do: 'delete' })
  if (seen.newStand !== null) return proceed({ do: 'stand', name: seen.newStand.name })
  if (seen.host !== null)
    return seen.isHostConnected ? settled : wait('object/host-silent', { host: seen.host })
  const { candidate } = seen
  if (candidate === null) return wait('snapshot/no-machine', { machine: wish.machine })
  if (candidate.host === null) return wait('snapshot/no-disks', {}, 2_000)
  const { id, host, standsOn, reverts } = candidate
  return proceed({ do: 'assign', host, machine: id, parent: standsOn, reverts })
}

/** A snapshot of the machine, as far as it decides what the machine stands on. */
export type Stood = {
  readonly name: string
  readonly isReady: boolean
  readonly takenAtMs: number
  readonly reverts: number
}

/** The newest one taken since the machine last went back, else the one that it went back to. */
export function standsOn(
  { reverts, wentBackTo }: { readonly reverts: number; readonly wentBackTo: string | null },
  snapshots: readonly Stood[],
): string | null {
  const [newest] = snapshots
    .filter((each) => each.isReady && each.reverts === reverts)
    .toSorted((a, b) => b.takenAtMs - a.takenAtMs)
  const isThere = (name: string | null) => snapshots.some((each) => each.name === name)
  return newest?.name ?? (isThere(wentBackTo) ? wentBackTo : null)
}
