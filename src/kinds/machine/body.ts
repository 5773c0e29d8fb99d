/** What a machine's guest is told to be, derived from the wish and what stands around it. Pure. */

import { differences } from '#base/json.ts'
import type { GuestDocument, GuestSpec } from '#kinds/guest/schema.ts'
import type { MachineObserved } from './plan.ts'
import type { MachineSpec } from './schema.ts'

/** The guest's wish. Its epoch rises with each boot that a person wishes (I-01). */
export function guestSpecOf(wish: MachineSpec, seen: MachineObserved): GuestSpec {
  const { machine, guest, bootVolume, image } = seen
  const disks = [bootVolume, ...seen.disks].filter((volume) => volume !== null)
  const isKernelBoot = image?.status.boot === 'kernel'
  const kept = guest !== null && guest.spec.boot === wish.boot
  const highest = Math.max(machine.status.epoch, guest?.spec.epoch ?? 0)
  return {
    machine: machine.id,
    machineName: machine.name,
    epoch: kept ? guest.spec.epoch : highest + 1,
    power: wish.power,
    boot: wish.boot,
    forceAfterSeconds: wish.forceAfterSeconds,
    restart: wish.restart,
    cpus: wish.cpus,
    memoryMib: wish.memoryMib,
    machineType: wish.machineType,
    kernelImage: isKernelBoot ? image.id : (guest?.spec.kernelImage ?? null),
    kernelDatastore: isKernelBoot ? image.spec.datastore : (guest?.spec.kernelDatastore ?? null),
    commandLine: isKernelBoot ? image.status.commandLine : (guest?.spec.commandLine ?? ''),
    disks: disks.map((volume, at) => ({
      id: `disk${at}`,
      volume: volume.id,
      volumeName: volume.name,
      datastore: volume.spec.datastore,
      format: volume.spec.format,
      isReadOnly: false,
    })),
    nics: nicsOf(wish, seen),
    machineSpec: structured(wish),
  }
}

function nicsOf(wish: MachineSpec, { networks, machine }: MachineObserved): GuestSpec['nics'] {
  return wish.nics.flatMap((nic, at) => {
    const network = networks[at]
    if (network === null || network === undefined) return []
    return [
      {
        id: `net${at}`,
        network: network.id,
        driver: network.spec.driver,
        mac: nic.mac ?? macOf(machine.id, at),
        isRestricted: network.spec.isRestricted,
        forwards: nic.forwards,
      },
    ]
  })
}

/** A stable, locally administered address from the machine's id (IEEE 802, the U/L bit set). */
export function macOf(id: string, at: number): string {
  const digits = id.replaceAll('-', '')
  const parts = [digits.slice(0, 2), digits.slice(2, 4), digits.slice(4, 6), digits.slice(6, 8)]
  const last = (Number.parseInt(digits.slice(8, 10), 16) ^ at).toString(16).padStart(2, '0')
  return ['52', ...parts, last].join(':')
}

/** What must belong to one machine only: volumes it writes to, host ports it listens on (I-01, I-27). */
export function guestClaims(host: string, spec: GuestSpec): string[] {
  const ports = spec.nics.flatMap(({ forwards }) =>
    forwards
      .filter(({ hostPort }) => hostPort !== 0)
      .map(({ protocol, address, hostPort }) => `port/${host}/${protocol}/${address}/${hostPort}`),
  )
  return [...spec.disks.map(({ volume }) => `attach/${volume}`), ...ports]
}

/** Fields of the wish that the running guest does not have yet. */
export function needsBoot(wish: MachineSpec, guest: GuestDocument): string[] {
  const { running } = guest.status
  if (running === null) return []
  const wished = { cpus: wish.cpus, memoryMib: wish.memoryMib }
  return differences({ cpus: running.cpus, memoryMib: running.memoryMib }, wished).map(({ path }) => path)
}

const structured = (wish: MachineSpec) => wish as unknown as GuestSpec['machineSpec']
