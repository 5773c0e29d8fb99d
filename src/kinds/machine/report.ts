/** What people are told of a machine. Pure. */

import { unreachable } from '#base/assert.ts'
import type { Plan } from '#model/plan.ts'
import { needsBoot } from './body.ts'
import type { MachineObserved } from './observed.ts'
import type { MachineStep } from './plan.ts'
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
    restartRequired: guest === null ? [] : needsBoot(wish, guest),
    epoch: Math.max(before.epoch, guest?.spec.epoch ?? 0),
    placement: before.placement,
  }
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
