/** A small world for the machine's planner: documents as they stand, and a way to follow a plan through it. */

import { image as imageKind, type ImageDocument } from '#kinds/image/schema.ts'
import { guest as guestKind, type GuestStatus } from '#kinds/guest/schema.ts'
import { network as networkKind, type NetworkDocument } from '#kinds/network/schema.ts'
import { snapshot as snapshotKind, type SnapshotDocument } from '#kinds/snapshot/schema.ts'
import { volume as volumeKind, type VolumeDocument, type VolumeSpec } from '#kinds/volume/schema.ts'
import type { Candidate } from '#engines/placement/rule.ts'
import { guestSpecOf } from '#kinds/machine/body.ts'
import { foreseeMachine } from '#kinds/machine/foresee.ts'
import type { MachineObserved } from '#kinds/machine/observed.ts'
import { Disk } from '#kinds/machine/parts.ts'
import { allocationOf, planMachine, type MachineStep } from '#kinds/machine/plan.ts'
import { machine as machineKind, type MachineDocument, type MachineSpec } from '#kinds/machine/schema.ts'

export const metadata = (kind: string, name: string) => ({
  kind,
  id: `id-of-${name}`,
  name,
  project: 'default',
  generation: 1,
  version: 1,
  createdAtMs: 0,
  labels: {},
  description: '',
  isProtected: false,
  deletingAtMs: null,
  owner: null,
  host: null,
})
export const wish: MachineSpec = machineKind.spec.parse({ image: 'debian' })
export const machine: MachineDocument = {
  ...metadata('machine', 'web'),
  id: '01234567-89ab-4cde-8f01-23456789abcd',
  host: 'a',
  spec: wish,
  status: machineKind.status.parse({}),
}
export const image: ImageDocument = {
  ...metadata('image', 'debian'),
  spec: imageKind.spec.parse({}),
  status: imageKind.status.parse({ state: 'ready', architecture: 'x86_64' }),
}
export const volume = (
  name: string,
  state: 'ready' | 'creating' = 'ready',
  spec: Partial<VolumeSpec> = {},
): VolumeDocument => ({
  ...metadata('volume', name),
  spec: volumeKind.spec.parse(spec),
  status: volumeKind.status.parse({ state }),
})
/** A volume that was made for the machine. */
export const own = (
  disk: string,
  state: 'ready' | 'creating' = 'ready',
  sizeMib?: number,
): VolumeDocument => ({
  ...volume(disk === 'disk0' ? 'web-boot' : `web-${disk}`, state, {
    disk,
    ...(sizeMib === undefined ? {} : { sizeMib }),
  }),
  owner: machine.id,
})
export const disk = (wish: Partial<Disk>): Disk => Disk.parse(wish)
export const snapshot = (
  name: string,
  volumes: readonly string[],
  status: Partial<SnapshotDocument['status']> = {},
): SnapshotDocument => ({
  ...metadata('snapshot', name),
  spec: snapshotKind.spec.parse({ machine: 'web' }),
  status: snapshotKind.status.parse({
    state: 'ready',
    layers: volumes.map((one, at) => ({
      disk: at === 0 ? 'disk0' : one,
      volume: `id-of-${one}`,
      volumeName: one,
      datastore: 'local',
      sizeBytes: 0,
    })),
    ...status,
  }),
})
export const network: NetworkDocument = {
  ...metadata('network', 'default'),
  spec: networkKind.spec.parse({}),
  status: networkKind.status.parse({}),
}
export const candidate = (name: string): Candidate => ({
  name,
  isConnected: true,
  isSchedulable: true,
  architecture: 'x86_64',
  labels: {},
  freeCpus: 8,
  freeMib: 8192,
  totalMib: 8192,
  datastores: ['local'],
  networkDrivers: ['user'],
  cpuModels: [],
  hugePagesMib: { '2MiB': 0, '1GiB': 0 },
  numaNodes: 1,
  hostDevices: [],
  shareFolders: [],
})
export const fresh: MachineObserved = {
  machine: { ...machine, host: null },
  hostSilentSince: null,
  image,
  bootVolume: null,
  disks: [],
  spare: [],
  volumeNames: ['web-boot', 'web-data', 'web-logs'],
  media: [],
  networks: [network],
  groups: [],
  addresses: [],
  baseline: 'qemu64',
  source: null,
  returning: null,
  guest: null,
  allocated: null,
  room: null,
  candidates: [candidate('b'), candidate('a')],
}
export const placed: MachineObserved = {
  ...fresh,
  machine,
  allocated: allocationOf(wish),
  room: { cpus: 4, memoryMib: 4096 },
  candidates: [],
}
export const standing: MachineObserved = { ...placed, bootVolume: own('disk0') }

/** The machine with a body for a wish, as its host last told of it. */
export function embodied(
  seen: MachineObserved,
  of: MachineSpec,
  told: Partial<GuestStatus> = {},
): MachineObserved {
  const spec = guestSpecOf(of, seen)
  const disks = spec.disks.map(({ volume }) => volume)
  const running = { cpus: of.cpus, memoryMib: of.memoryMib, machineType: of.machineType, disks }
  const { epoch, boot } = spec
  const status = guestKind.status.parse({
    phase: 'running',
    generation: 1,
    epoch,
    boot,
    pid: 7,
    running,
    ...told,
  })
  return { ...seen, guest: { ...metadata('guest', 'web'), owner: machine.id, host: 'a', spec, status } }
}
export const running = embodied(standing, wish)

/** Follows the plan until it has no step more; what was done, and the world as it is then. */
export function followed(
  of: MachineSpec,
  first: MachineObserved,
  meanwhile = (seen: MachineObserved) => seen,
) {
  const done: MachineStep['do'][] = []
  const way: MachineObserved[] = [first]
  let now = first
  for (let round = 0; round < 20 && done.at(-1) !== 'forget'; round++) {
    const { steps } = planMachine(of, now)
    for (const step of steps) {
      done.push(step.do)
      now = foreseeMachine(now, step)
    }
    now = meanwhile(now)
    if (steps.length > 0) way.push(now)
  }
  return { done, way, now }
}
