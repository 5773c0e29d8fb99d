/** What people are told of a machine. Pure. */

import { unreachable } from '#base/assert.ts'
import type { Plan } from '#model/plan.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import { changesOf, waitingOf } from './changes.ts'
import type { MachineObserved } from './observed.ts'
import type { MachineStep } from './plan-step.ts'
import type { MachineSpec, MachineStatus } from './schema.ts'

export function reportMachine(
  wish: MachineSpec,
  seen: MachineObserved,
  plan: Plan<MachineStep>,
  nowMs: number,
): MachineStatus {
  const { machine, guest } = seen
  const state = stateOf(wish, seen)
  const before = machine.status
  return {
    conditions: before.conditions,
    holds: [...plan.holds].slice(0, 64),
    state,
    sinceMs: before.state === state && before.sinceMs > 0 ? before.sinceMs : nowMs,
    host: machine.host,
    guest: guest === null ? null : bodyOf(guest),
    bootVolume: seen.bootVolume?.name ?? null,
    forwards: guest === null || state !== 'running' ? [] : guest.status.forwards,
    reached: hasTakenUp(seen) ? machine.generation : before.reached,
    restartRequired: guest === null ? [] : waitingFor(guest).slice(0, 32),
    ...(guest === null ? { inside: null, ready: null } : insideOf(guest)),
    addresses: addressesOf(seen),
    snapshot: before.snapshot,
    revertedAt: before.revertedAt,
    reverting: before.reverting,
    memoryOf: before.memoryOf,
    machineVersion: before.machineVersion ?? guest?.status.machineVersion ?? null,
    epoch: Math.max(before.epoch, guest?.spec.epoch ?? 0),
    placement: before.placement,
  }
}

/** Whether volumes and body have said how they stand to the wish as it is now: told only when nothing more is done. */
function hasTakenUp({ machine, guest, bootVolume, disks }: MachineObserved): boolean {
  const isMade = [bootVolume, ...disks].every(
    (volume) =>
      volume === null ||
      volume.owner !== machine.id ||
      (volume.spec.sizeMib ?? 0) * 2 ** 20 <= volume.status.sizeBytes,
  )
  return isMade && (guest === null || guest.status.generation >= guest.generation)
}

/** What the body says of itself, as long as it is the one that is wished. */
const insideOf = ({ spec, status }: GuestDocument): Pick<MachineStatus, 'inside' | 'ready'> => ({
  inside: status.inside,
  ready: status.boot === spec.boot && status.phase === 'running' ? status.ready : null,
})

const addressesOf = ({ guest, networks }: MachineObserved): MachineStatus['addresses'] =>
  (guest?.spec.nics ?? []).map(({ id, network, mac, address4, address6 }) => ({
    nic: id,
    network: networks.find((one) => one?.id === network)?.name ?? '',
    mac,
    address4,
    address6,
  }))

/**
 * Fields whose new value waits for the next start: as the host says, once it has taken up the wish; until then, what
 * can be seen from here.
 */
export function waitingFor({ spec, status, generation }: GuestDocument): string[] {
  const { running } = status
  if (running === null) return []
  const said = status.holds.find(({ code }) => code === 'guest/restart-required')?.facts.fields
  const told = typeof said === 'string' && said !== '' ? said.split(', ') : []
  if (status.generation >= generation) return told
  const { cpus, memoryMib, machineType } = running
  const begun = {
    ...spec,
    cpus,
    memoryMib,
    machineType: machineType === 'microvm' ? ('microvm' as const) : ('q35' as const),
    shape: running.shape ?? spec.shape,
  }
  return [...new Set([...waitingOf(changesOf(begun, spec, running)), ...told])]
}

function bodyOf({
  id,
  spec,
  status,
}: NonNullable<MachineObserved['guest']>): NonNullable<MachineStatus['guest']> {
  return {
    id,
    pid: status.pid,
    epoch: spec.epoch,
    boot: status.boot,
    startedAtMs: status.startedAtMs,
    accelerator: status.accelerator,
    proof: status.proof,
  }
}

function stateOf(
  wish: MachineSpec,
  { machine, guest, hostSilentSince, bootVolume }: MachineObserved,
): MachineStatus['state'] {
  if (guest !== null && hostSilentSince !== null) return 'unknown'
  if (machine.deletingAtMs !== null) return 'deleting'
  if (guest === null)
    return wish.power === 'off' && bootVolume?.status.state === 'ready' ? 'stopped' : 'pending'
  return phaseState(wish, guest.status.phase)
}

function phaseState(
  wish: MachineSpec,
  phase: NonNullable<MachineObserved['guest']>['status']['phase'],
): MachineStatus['state'] {
  switch (phase) {
    case 'absent':
      return wish.power === 'off' ? 'stopped' : 'starting'
    case 'starting':
    case 'running':
    case 'paused':
    case 'stopping':
    case 'stopped':
    case 'crashed':
      return phase
    default:
      return unreachable(phase)
  }
}

/** What the store would say once the plan has come true: the state that the wish asks for. */
export function predictedState(wish: MachineSpec, plan: Plan<MachineStep>): MachineStatus['state'] {
  if (
    plan.holds.some(
      ({ code }) =>
        code === 'machine/no-host' || code === 'machine/no-hosts' || code === 'machine/image-failed',
    )
  )
    return 'pending'
  return wish.power === 'on' ? 'running' : wish.power === 'off' ? 'stopped' : 'paused'
}
