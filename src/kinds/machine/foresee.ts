/** What a machine's world looks like after a step has come true: for rehearsals, with the same planner. Pure. */

import { unreachable } from '#base/assert.ts'
import { guest as guestKind } from '#kinds/guest/schema.ts'
import type { GuestDocument, GuestSpec, GuestStatus } from '#kinds/guest/schema.ts'
import { snapshot as snapshotKind, type SnapshotDocument } from '#kinds/snapshot/schema.ts'
import { volume as volumeKind } from '#kinds/volume/schema.ts'
import type { VolumeDocument, VolumeSpec } from '#kinds/volume/schema.ts'
import { changesOf, waitingOf } from './changes.ts'
import type { MachineObserved } from './observed.ts'
import { bootDiskName, diskName } from './parts.ts'
import type { MachineStep } from './plan-step.ts'

export function foreseeMachine(seen: MachineObserved, step: MachineStep): MachineObserved {
  const { machine } = seen
  switch (step.do) {
    case 'place':
      return { ...seen, machine: { ...machine, host: step.host }, allocated: step.allocation }
    case 'allocate':
      return { ...seen, allocated: step.allocation }
    case 'create-snapshot':
      return { ...seen, source: snapshotOf(seen, step.name) }
    case 'delete-snapshot':
      return { ...seen, source: null }
    case 'create-volume':
      return withVolume(seen, volumeOf(seen, step.name, step.spec))
    case 'grow-volume':
      return each(seen, step.volume, (volume) => ({
        ...volume,
        spec: { ...volume.spec, sizeMib: step.sizeMib },
      }))
    case 'release-volume':
      return { ...seen, spare: seen.spare.filter(({ id }) => id !== step.volume) }
    case 'delete-volume':
      return each(seen, step.volume, () => null)
    case 'create-guest':
    case 'update-guest':
    case 'remove-guest':
      return { ...seen, guest: guestOf(seen, step.spec) }
    case 'forget-guest':
      return { ...seen, guest: null }
    case 'revert-volumes':
      return foreseeReverted({ ...seen, machine: withStatus(seen, { reverting: step.reverting }) }, step)
    case 'end-revert': {
      const { at, snapshot, memoryOf } = step
      return { ...seen, machine: withStatus(seen, { revertedAt: at, reverting: null, snapshot, memoryOf }) }
    }
    case 'forget':
      return seen
    default:
      return unreachable(step)
  }
}

const withStatus = ({ machine }: MachineObserved, status: Partial<MachineObserved['machine']['status']>) => ({
  ...machine,
  status: { ...machine.status, ...status },
})

/** The same world with one volume changed, or gone. */
function each(
  seen: MachineObserved,
  id: string,
  edited: (volume: VolumeDocument) => VolumeDocument | null,
): MachineObserved {
  const at = (volume: VolumeDocument | null) => (volume?.id === id ? edited(volume) : volume)
  return {
    ...seen,
    bootVolume: at(seen.bootVolume),
    disks: seen.disks.map(at),
    spare: seen.spare.map(at).filter((volume) => volume !== null),
  }
}

const foreseeReverted = (
  seen: MachineObserved,
  { reverting, snapshot }: Extract<MachineStep, { do: 'revert-volumes' }>,
): MachineObserved =>
  reverting.volumes.reduce(
    (now, { volume, at }) =>
      each(now, volume, (one) => ({
        ...one,
        spec: { ...one.spec, revert: { snapshot, at } },
        status: { ...one.status, revertedAt: at },
      })),
    seen,
  )

/** The phase of a guest that is as its wish says. */
export const wishedPhase = (power: GuestSpec['power']): GuestStatus['phase'] =>
  ({ on: 'running', off: 'stopped', paused: 'paused', gone: 'absent' } as const)[power]

function guestOf({ machine, guest }: MachineObserved, spec: GuestSpec): GuestDocument {
  const generation = (guest?.generation ?? 0) + 1
  const isUp = spec.power === 'on' || spec.power === 'paused'
  const body = isUp ? upBody(guest, spec) : { running: null, holds: [], pid: null }
  const phase = wishedPhase(spec.power)
  const status = { phase, generation, epoch: spec.epoch, boot: spec.boot, ...body }
  return {
    ...machine,
    ...guest,
    generation,
    kind: 'guest',
    owner: machine.id,
    host: machine.host,
    spec,
    status: { ...(guest?.status ?? guestKind.status.parse({})), ...status },
  }
}

type Body = Pick<GuestStatus, 'running' | 'holds' | 'pid'>

/** A process as it runs: begun with the wish, or changed live as far as that goes. */
function upBody(guest: GuestDocument | null, spec: GuestSpec): Body {
  const running = guest?.status.running ?? null
  const isBegun = guest === null || running === null || guest.status.boot < spec.boot
  const pid = guest?.status.pid ?? 1
  if (isBegun) return { running: begunWith(spec), holds: [], pid }
  const changes = changesOf(guest.spec, spec, running)
  const isLive = (field: string) => changes.some((one) => one.field === field && one.when === 'live')
  const before = guest.status.holds.find(({ code }) => code === 'guest/restart-required')?.facts.fields
  const fields = [
    ...new Set([...(typeof before === 'string' ? before.split(', ') : []), ...waitingOf(changes)]),
  ]
  const now = {
    ...running,
    cpus: isLive('cpus') ? spec.cpus : running.cpus,
    memoryMib: isLive('memoryMib') ? spec.memoryMib : running.memoryMib,
    disks: spec.disks.map(({ volume }) => volume),
  }
  const holds =
    fields.length === 0
      ? []
      : [{ code: 'guest/restart-required' as const, facts: { fields: fields.join(', ') } }]
  return { running: now, holds, pid }
}

const begunWith = ({ cpus, memoryMib, machineType, shape, disks }: GuestSpec) => ({
  cpus,
  memoryMib,
  machineType,
  shape,
  cpusMax: shape.cpusMax ?? cpus,
  memoryMaxMib: shape.memoryMaxMib ?? memoryMib,
  memoryMinMib: memoryMib,
  disks: disks.map(({ volume }) => volume),
})

function withVolume(seen: MachineObserved, volume: VolumeDocument): MachineObserved {
  const { disk } = volume.spec
  if (disk === bootDiskName) return { ...seen, bootVolume: volume }
  const at = seen.machine.spec.disks.findIndex((one, place) => diskName(one, place) === disk)
  return {
    ...seen,
    disks: seen.machine.spec.disks.map((_, place) => (place === at ? volume : (seen.disks[place] ?? null))),
  }
}

const volumeOf = ({ machine }: MachineObserved, name: string, spec: VolumeSpec): VolumeDocument => ({
  ...machine,
  id: `${machine.id}-${spec.disk ?? ''}`,
  kind: 'volume',
  name,
  owner: machine.id,
  spec,
  status: volumeKind.status.parse({ state: 'ready', sizeBytes: (spec.sizeMib ?? 0) * 2 ** 20 }),
})

/** A snapshot that is taken for a clone: of each disk that it is to have. */
function snapshotOf({ machine }: MachineObserved, name: string): SnapshotDocument {
  const { spec } = machine
  const made = spec.disks.flatMap((disk, at) => (disk.volume === null ? [diskName(disk, at)] : []))
  const layers = [bootDiskName, ...made].map((disk) => ({
    disk,
    volume: disk,
    volumeName: disk,
    datastore: spec.datastore,
    sizeBytes: 0,
  }))
  return {
    ...machine,
    id: `${machine.id}-source`,
    kind: 'snapshot',
    name,
    owner: machine.id,
    spec: snapshotKind.spec.parse({ machine: spec.cloneOf?.machine ?? '' }),
    status: snapshotKind.status.parse({ state: 'ready', layers }),
  }
}
