/** The loop of snapshots on a host: joins their planner to the datastores, the hypervisor and the agent in the guest. */

import { isObject, same } from '#base/json.ts'
import { reason } from '#model/plan.ts'
import { Problem } from '#model/problem.ts'
import type { Sight } from '#drivers/hypervisor/port.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import { snapshotHands } from '#kinds/snapshot/execute.ts'
import {
  blankSnapshot,
  planSnapshot,
  snapshotStatus,
  type SnapshotDisk,
  type SnapshotObserved,
  type SnapshotRecord,
  type SnapshotStep,
} from '#kinds/snapshot/plan.ts'
import {
  Layer,
  snapshot as snapshotKind,
  type SnapshotSpec,
  type SnapshotStatus,
} from '#kinds/snapshot/schema.ts'
import type { Reconciler } from '#runtime/reconcile.ts'
import type { GuestRecords } from './guest-records.ts'
import { keysOf } from './keys.ts'
import { momentReader, unfitHere } from './moments.ts'
import { reportOf, type With } from './storage.ts'
import { lyingIn } from './volumes.ts'
import type { Wish, Wishes } from './wishes.ts'
import type { AgentPorts } from './world.ts'

type SnapshotSeen = {
  readonly wish: Wish
  readonly spec: SnapshotSpec
  readonly guest: string | null
  readonly observed: SnapshotObserved
}

export function snapshotReconciler(
  ports: AgentPorts,
  on: With & { readonly wake: (kind: string, id: string) => void; readonly records: GuestRecords },
): Reconciler<SnapshotSeen, SnapshotStep, SnapshotStatus> {
  const { wishes } = on
  const told = new Map<string, SnapshotStatus>()
  return {
    name: 'snapshot',
    observe: async (id) => {
      const wish = wishes.get('snapshot', id)
      if (wish !== undefined) return await observeSnapshot(ports, wishes, id, wish)
      told.delete(id)
      return undefined
    },
    plan: ({ wish, spec, observed }) =>
      wish.isClaimed ? planSnapshot(spec, observed) : { steps: [], holds: [reason('guest/unclaimed')] },
    report: ({ observed }, plan) => ({
      ...snapshotKind.status.parse({}),
      ...snapshotStatus(observed, plan.holds),
    }),
    hands: ({ guest, observed }) =>
      snapshotHands(observed.id, {
        hypervisor: ports.hypervisor,
        notebook: ports.notebook,
        guest,
        datastoreOf: ({ datastore }) => reached(ports, datastore),
        keysOf: (volume) => ({
          key: wishes.get('volume', volume)?.document.spec.isEncrypted === true ? volume : null,
          keys: keysOf(wishes, volume),
        }),
        record: observed.record,
        momentOf: momentReader({ ports, wishes, records: on.records }, guest ?? ''),
        nowMs: () => ports.clock.now(),
        signal: on.signal,
      }),
    tell: async ({ wish, observed }, status) => {
      on.reports.report(reportOf('snapshot', observed.id, wish, status as never))
      // Two that told each other of nothing new would never come to rest.
      if (same(told.get(observed.id), status)) return
      told.set(observed.id, status)
      // What it leaves behind, and what waits for it, is theirs to look at.
      for (const { volume } of observed.disks) on.wake('volume', volume)
      for (const { document } of wishes.of('snapshot'))
        if (document.id !== observed.id && isOfSame(wish, document)) on.wake('snapshot', document.id)
    },
  }
}

const isOfSame = ({ document }: Wish, other: Wish['document']) =>
  document.project === other.project && document.spec.machine === other.spec.machine

function reached({ datastore }: AgentPorts, name: string) {
  const found = datastore(name)
  if (found === undefined)
    throw new Problem('datastore/failed', { datastore: name, why: 'this host does not reach it' })
  return found
}

function recordOf({ notebook }: AgentPorts, id: string): SnapshotRecord {
  const note = notebook.get(`snapshot/${id}`)
  return isObject(note) ? { ...blankSnapshot, ...(note as Partial<SnapshotRecord>) } : blankSnapshot
}

/** The machine's disks as the controller told them with the wish. */
function wishedDisks({ document }: Wish): Layer[] {
  const { disks } = document as { readonly disks?: unknown }
  return Array.isArray(disks) ? disks.flatMap((disk) => Layer.safeParse(disk).data ?? []) : []
}

async function observeSnapshot(
  ports: AgentPorts,
  wishes: Wishes,
  id: string,
  wish: Wish,
): Promise<SnapshotSeen> {
  const spec = snapshotKind.spec.parse(wish.document.spec)
  const record = recordOf(ports, id)
  const guest = wish.document.resolved?.guest ?? null
  const sight = guest === null ? null : await ports.hypervisor.observe(guest)
  const layers = record.phase === 'none' ? wishedDisks(wish) : record.layers
  const disks: SnapshotDisk[] = []
  for (const layer of layers) disks.push(await observeDisk({ ports, wishes, id, guest, sight }, layer))
  const standing = standingOf(sight)
  const isAsked = standing === 'standing' && spec.freeze !== 'never' && isOpen(record)
  const [first] = disks
  const memory = first === undefined ? null : await ports.datastore(first.datastore)?.memory(id)
  return {
    wish,
    spec,
    guest,
    observed: {
      id,
      isDeleting: wish.document.deletingAtMs !== null,
      record,
      disks,
      guest: standing,
      hasAgent: isAsked && guest !== null && (await hasAgent(ports, guest)),
      hasMemory: memory !== null && memory !== undefined,
      unfit: await unfitHere(ports, record.moment),
      other: otherUnderWay(ports, wishes, wish),
    },
  }
}

const isOpen = ({ phase }: SnapshotRecord) => phase === 'none' || phase === 'begun'

async function hasAgent({ hypervisor }: AgentPorts, guest: string): Promise<boolean> {
  const inside = await hypervisor.agent.look(guest, new AbortController().signal).catch(() => null)
  return inside?.isAnswering === true
}

function standingOf(sight: Sight | null): SnapshotObserved['guest'] {
  switch (sight?.process) {
    case undefined:
    case 'absent':
    case 'lost':
      return 'none'
    case 'running':
    case 'paused':
      return sight.running === null ? 'busy' : 'standing'
    default:
      return 'busy'
  }
}

type Around = {
  readonly ports: AgentPorts
  readonly wishes: Wishes
  readonly id: string
  readonly guest: string | null
  readonly sight: Sight | null
}

async function observeDisk(around: Around, layer: Layer): Promise<SnapshotDisk> {
  const { ports, wishes, id, guest, sight } = around
  const datastore = (await lyingIn(ports, wishes, layer.volume, layer.datastore)) ?? layer.datastore
  const volume = await ports.datastore(datastore)?.observe(layer.volume)
  const spec =
    guest === null ? undefined : (wishes.get('guest', guest)?.document.spec as GuestSpec | undefined)
  const disk = spec?.disks.find((each) => each.volume === layer.volume)?.id ?? layer.disk
  const open = sight?.running?.disks.find((each) => each.id === disk)
  return {
    ...layer,
    datastore,
    disk,
    isReady: volume?.state === 'ready',
    isEncrypted: wishes.get('volume', layer.volume)?.document.spec.isEncrypted === true,
    depth: volume?.layers ?? 0,
    hasLayer: volume?.snapshots.includes(id) ?? false,
    next: volume?.next ?? null,
    openFile: open?.file ?? null,
  }
}

/** One at a time: the one that has begun, else the oldest. */
function otherUnderWay(ports: AgentPorts, wishes: Wishes, wish: Wish): string | null {
  const { document } = wish
  const isBefore = (other: Wish['document']) =>
    other.createdAtMs < document.createdAtMs ||
    (other.createdAtMs === document.createdAtMs && other.id < document.id)
  const found = wishes.of('snapshot').find((other) => {
    if (other.document.id === document.id || !isOfSame(wish, other.document)) return false
    const { phase } = recordOf(ports, other.document.id)
    return (
      phase === 'begun' ||
      (phase === 'none' && other.document.deletingAtMs === null && isBefore(other.document))
    )
  })
  return found?.document.name ?? null
}
