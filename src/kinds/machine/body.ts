/** What a machine's guest is told to be, derived from the wish and what stands around it. Pure. */

import { differences, same } from '#base/json.ts'
import { shapeOf } from '#kinds/guest/plan.ts'
import type { GuestDocument, GuestSpec } from '#kinds/guest/schema.ts'
import type { MachineObserved } from './observed.ts'
import type { MachineSpec } from './schema.ts'

/** The guest's wish. Its epoch rises with each boot that a person wishes (I-01). */
export function guestSpecOf(wish: MachineSpec, seen: MachineObserved): GuestSpec {
  const { machine, guest, image } = seen
  const isKernelBoot = image?.status.boot === 'kernel'
  const kept = guest !== null && guest.spec.boot === wish.boot
  const highest = Math.max(machine.status.epoch, guest?.spec.epoch ?? 0)
  return {
    machine: machine.id,
    machineName: machine.name,
    epoch: kept ? guest.spec.epoch : highest + 1,
    power: wish.power,
    boot: wish.boot,
    forceAfterSeconds: wish.forceOnceSeconds ?? wish.forceAfterSeconds,
    restart: wish.restart,
    cpus: wish.cpus,
    memoryMib: wish.memoryMib,
    machineType: wish.machineType,
    kernelImage: isKernelBoot ? image.id : (guest?.spec.kernelImage ?? null),
    kernelDatastore: isKernelBoot ? image.spec.datastore : (guest?.spec.kernelDatastore ?? null),
    commandLine: isKernelBoot ? image.status.commandLine : (guest?.spec.commandLine ?? ''),
    ...partsOf(wish, seen),
    machineSpec: structured(wish),
  }
}

type Parts = Pick<GuestSpec, 'disks' | 'nics'>

/**
 * Disks and NICs as wished; but what a body that may be running has open stays with it until it is known to
 * be down, so that nobody else is given it meanwhile (I-01).
 */
function partsOf(wish: MachineSpec, seen: MachineObserved): Parts {
  const parts = { disks: disksOf(seen), nics: nicsOf(wish, seen) }
  if (seen.guest === null || isKnownDown(seen.guest)) return parts
  const { disks, nics } = seen.guest.spec
  const claims = partClaims('', parts)
  const isLosing = partClaims('', seen.guest.spec).some((claim) => !claims.includes(claim))
  return isLosing ? { disks, nics } : parts
}

/** Its host has taken up the wish that it be off, and no process is there. */
const isKnownDown = ({ spec, status, generation }: GuestDocument) =>
  spec.power === 'off' &&
  status.generation >= generation &&
  status.pid === null &&
  (status.phase === 'stopped' || status.phase === 'crashed')

const disksOf = ({ bootVolume, disks }: MachineObserved): GuestSpec['disks'] =>
  [bootVolume, ...disks]
    .filter((volume) => volume !== null)
    .map((volume, at) => ({
      id: `disk${at}`,
      volume: volume.id,
      volumeName: volume.name,
      datastore: volume.spec.datastore,
      format: volume.spec.format,
      isReadOnly: false,
    }))

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
export const guestClaims = (host: string, spec: GuestSpec): string[] => partClaims(host, spec)

function partClaims(host: string, spec: Parts): string[] {
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
  const bounds = differences({ cpus: running.cpus, memoryMib: running.memoryMib }, wished)
  return [...new Set([...bounds.map(({ path }) => path), ...keptParts(wish, guest), ...newParts(guest)])]
}

/** Parts that the body was told of since it was begun. */
function newParts({ spec, status }: GuestDocument): string[] {
  const [told, running] = [shapeOf(spec), status.running]
  return [
    ...(running?.disks === undefined || same(running.disks, told.disks) ? [] : ['disks']),
    ...(running?.plugs === undefined || same(running.plugs, told.plugs) ? [] : ['nics']),
  ]
}

/** Parts that the body keeps although they are no longer wished; they go when it is stopped. */
function keptParts(wish: MachineSpec, { spec }: GuestDocument): string[] {
  const plain = (name: string) => name.slice(name.indexOf('/') + 1)
  const disks = spec.disks.slice(1).map(({ volumeName }) => volumeName)
  const forwards = (nics: readonly { readonly forwards: unknown }[]) => nics.map(({ forwards }) => forwards)
  return [
    ...(same(disks, wish.disks.map(plain)) ? [] : ['disks']),
    ...(same(forwards(spec.nics), forwards(wish.nics)) ? [] : ['nics']),
  ]
}

const structured = (wish: MachineSpec) => wish as unknown as GuestSpec['machineSpec']
