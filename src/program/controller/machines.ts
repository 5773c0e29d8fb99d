/** The loop of machines: joins their planner to the replica, the store and the ledger. */

import { same } from '#base/json.ts'
import { reason, type Hold } from '#model/plan.ts'
import type { Problem } from '#model/problem.ts'
import type { Document, Stored } from '#model/document.ts'
import { planMachine, type MachineStep } from '#kinds/machine/plan.ts'
import { machineHands } from '#kinds/machine/execute.ts'
import { observeMachine, type MachineSeen } from '#kinds/machine/observe.ts'
import { reportMachine } from '#kinds/machine/report.ts'
import type { MachineDocument, MachineStatus } from '#kinds/machine/schema.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Replica, Seen } from '#runtime/replica.ts'
import type { Reconciler } from '#runtime/reconcile.ts'
import type { HostAllocations } from './allocations.ts'
import { put } from './documents.ts'
import type { Chronicle } from './chronicle.ts'

export type MachineLoop = {
  readonly replica: Replica
  readonly allocations: HostAllocations
  readonly chronicle: Chronicle
  readonly clock: Clock
  readonly newId: () => string
}

export function machineReconciler(on: MachineLoop): Reconciler<MachineSeen, MachineStep, MachineStatus> {
  const { replica, allocations, clock } = on
  return {
    name: 'machine',
    observe: async (id) => {
      const stored = replica.get('machine', id) as Stored<MachineDocument> | undefined
      return stored === undefined
        ? undefined
        : observeMachine(stored.document, stored.revision, replica, allocations)
    },
    plan: (seen) => planMachine(seen.machine.spec, seen),
    report: (seen, plan) => reportMachine(seen.machine.spec, seen, plan, clock.now()),
    hands: (seen) =>
      machineHands(seen, {
        commit: (changes) => replica.commit(changes),
        newId: on.newId,
        nowMs: clock.now(),
        allocate: (...share) => allocations.change(...share),
        kept: ({ name }) => tellKept(on.chronicle, seen.machine, name),
      }),
    explain: (fault) => claimedBy(replica, fault),
    tell: async (seen, status) => {
      const { machine, revisions } = seen
      if (same(machine.status, status)) return
      await replica.commit([put({ ...machine, status }, revisions.machine)])
      if (status.state !== machine.status.state) on.chronicle.stateChanged(machine, status.state)
    },
  }
}

/** A disk that was taken out of the wish is nobody's now, and is still there. */
const tellKept = (chronicle: Chronicle, machine: Document, volume: string) =>
  chronicle.note(
    machine,
    'machine.disk-kept',
    { volume },
    `machine ${machine.name} no longer has volume ${volume}, which is kept`,
  )

/** Who has what this machine asks for: a host port, a volume. */
function claimedBy(replica: Replica, { code, facts }: Problem): Hold | undefined {
  if (code !== 'store/claimed') return undefined
  const [what, first = '', protocol = '', address = '', port = ''] = String(facts.claim).split('/')
  const machine = replica.get('machine', String(facts.holder))?.document.name ?? '?'
  if (what === 'port') return reason('machine/port-taken', { protocol, address, port, machine })
  if (what === 'address') {
    const network = replica.get('network', first)?.document.name ?? first
    return reason('network/address-taken', { address: protocol, network })
  }
  const volume = replica.get('volume', first)?.document.name ?? first
  return what === 'attach' ? reason('machine/volume-in-use', { volume }) : undefined
}

/** Ids of the machines that a change may concern. */
export function machinesConcerned(replica: Replica, { kind, id, before, after }: Seen): readonly string[] {
  const document = (after ?? before)?.document
  if (document === undefined) return []
  switch (kind) {
    case 'machine':
      return [id]
    case 'guest':
    case 'volume':
      return [
        ...(document.owner === null ? [] : [document.owner]),
        ...idsBy(replica, 'machines-naming', `volume/${document.name}`),
      ]
    case 'image':
      return idsBy(replica, 'machines-naming', `image/${document.name}`)
    case 'network':
    case 'security-group':
      return idsBy(replica, 'machines-naming', `${kind}/${document.name}`)
    case 'snapshot':
      return [
        ...(document.owner === null ? [] : [document.owner]),
        ...idsBy(replica, 'machines-naming', `snapshot/${document.name}`),
      ]
    case 'host':
      return isOnlyFigures(before, after)
        ? []
        : [...idsBy(replica, 'machines-on', document.name), ...idsBy(replica, 'machines-on', '')]
    default:
      return []
  }
}

/** A host whose state, size, labels and wish are as before: no machine need look again. */
function isOnlyFigures(before: Stored | undefined, after: Stored | undefined) {
  const [was, is] = [before?.document, after?.document]
  if (was === undefined || is === undefined || was.generation !== is.generation) return false
  return weightOf(was) === weightOf(is)
}

/** A new host is connected a moment before it says how large it is. */
function weightOf({ status }: Document): string {
  const { state, cpus, memoryMib } = status as { state?: string; cpus?: number; memoryMib?: number }
  return `${state} ${cpus} ${memoryMib}`
}

const idsBy = (replica: Replica, index: string, key: string) =>
  replica.by(index, key).map(({ document }) => document.id)

/** The names by which a machine refers to others, for waking it when they change. */
export function namesOf(document: Document): string[] {
  const { spec } = document as MachineDocument
  const snapshots = [spec.revert?.snapshot, spec.cloneOf?.snapshot]
  return [
    ...[spec.image, ...spec.cdroms.map(({ image }) => image)].flatMap(named('image')),
    ...spec.disks.map(({ volume }) => volume).flatMap(named('volume')),
    ...spec.nics.map(({ network }) => network).flatMap(named('network')),
    ...spec.nics
      .flatMap(({ securityGroups }) => (securityGroups.length === 0 ? ['default'] : securityGroups))
      .flatMap(named('security-group')),
    ...snapshots.flatMap(named('snapshot')),
  ]
}

const named = (kind: string) => (name: string | null | undefined) =>
  name === null || name === undefined ? [] : [`${kind}/${name.slice(name.indexOf('/') + 1)}`]
