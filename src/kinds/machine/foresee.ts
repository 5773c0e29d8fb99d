/** What a machine's world looks like after a step has come true: for rehearsals, with the same planner. Pure. */

import { unreachable } from '#base/assert.ts'
import type { GuestDocument, GuestSpec, GuestStatus } from '#kinds/guest/schema.ts'
import type { VolumeDocument, VolumeSpec } from '#kinds/volume/schema.ts'
import type { MachineObserved } from './observed.ts'
import type { MachineStep } from './plan.ts'

export function foreseeMachine(seen: MachineObserved, step: MachineStep): MachineObserved {
  switch (step.do) {
    case 'place':
      return { ...seen, machine: { ...seen.machine, host: step.host }, allocated: step.allocation }
    case 'allocate':
      return { ...seen, allocated: step.allocation }
    case 'create-volume':
      return { ...seen, bootVolume: volumeOf(seen, step.spec) }
    case 'grow-volume':
      return {
        ...seen,
        bootVolume: seen.bootVolume && {
          ...seen.bootVolume,
          spec: { ...seen.bootVolume.spec, sizeMib: step.sizeMib },
        },
      }
    case 'create-guest':
    case 'update-guest':
      return { ...seen, guest: guestOf(seen, step.spec) }
    case 'remove-guest':
      return { ...seen, guest: guestOf(seen, step.spec) }
    case 'forget-guest':
      return { ...seen, guest: null }
    case 'delete-volume':
      return { ...seen, bootVolume: null }
    case 'forget':
      return seen
    default:
      return unreachable(step)
  }
}

/** The phase of a guest that is as its wish says. */
export const wishedPhase = (power: GuestSpec['power']): GuestStatus['phase'] =>
  ({ on: 'running', off: 'stopped', paused: 'paused', gone: 'absent' } as const)[power]

function guestOf({ machine, guest }: MachineObserved, spec: GuestSpec): GuestDocument {
  const restarts = guest === null || guest.status.running === null || guest.status.boot < spec.boot
  const running = restarts
    ? { cpus: spec.cpus, memoryMib: spec.memoryMib, machineType: spec.machineType }
    : guest.status.running
  const generation = (guest?.generation ?? 0) + 1
  const phase = wishedPhase(spec.power)
  const status = { phase, generation, epoch: spec.epoch, boot: spec.boot, running, holds: [] }
  return {
    ...machine,
    ...guest,
    generation,
    kind: 'guest',
    owner: machine.id,
    host: machine.host,
    spec,
    status: { ...(guest?.status ?? blankStatus), ...status },
  }
}

const blankStatus: GuestStatus = {
  conditions: [],
  holds: [],
  phase: 'absent',
  generation: 0,
  epoch: 0,
  boot: 0,
  pid: null,
  startedAtMs: null,
  exit: null,
  crashes: 0,
  accelerator: 'none',
  qemuVersion: '',
  running: null,
  forwards: [],
  proof: null,
  walls: [],
  adopted: false,
}

const volumeOf = ({ machine }: MachineObserved, spec: VolumeSpec): VolumeDocument => ({
  ...machine,
  kind: 'volume',
  name: `${machine.name}-boot`,
  owner: machine.id,
  spec,
  status: {
    conditions: [],
    holds: [],
    state: 'ready',
    sizeBytes: (spec.sizeMib ?? 0) * 2 ** 20,
    storedBytes: 0,
  },
})
