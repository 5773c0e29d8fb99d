/** Whether everything in a datacenter is as people wish it: each reason why not, in words. */

import type { Stored } from '#model/document.ts'
import type { GuestDocument, GuestSpec } from '#kinds/guest/schema.ts'
import { guestClaims } from '#kinds/machine/body.ts'
import type { HostDocument } from '#kinds/host/schema.ts'
import type { ImageDocument } from '#kinds/image/schema.ts'
import type { MachineDocument } from '#kinds/machine/schema.ts'
import type { SnapshotDocument } from '#kinds/snapshot/schema.ts'
import type { VolumeDocument } from '#kinds/volume/schema.ts'
import type { Replica } from '#runtime/replica.ts'
import type { Wish } from '#program/agent/wishes.ts'
import type { Datacenter } from './datacenter.ts'

export function unsettled(center: Datacenter): string[] {
  const replica = center.controller?.desk.replica
  if (replica === undefined) return ['there is no controller']
  const missing = [...center.hosts.keys()].filter((name) => replica.find('host', null, name) === undefined)
  return [
    ...missing.map((name) => `host ${name} is not in the store`),
    ...hostsOf(replica).flatMap((host) => hostWants(center, host)),
    ...(documents(replica, 'machine') as MachineDocument[]).flatMap((machine) =>
      machineWants(center, replica, machine),
    ),
    ...(documents(replica, 'volume') as VolumeDocument[]).flatMap((volume) => volumeWants(replica, volume)),
    ...(documents(replica, 'image') as ImageDocument[]).flatMap(imageWants),
    ...(documents(replica, 'snapshot') as SnapshotDocument[]).flatMap(snapshotWants),
  ]
}

const documents = (replica: Replica, kind: string) =>
  [...replica.all(kind)].map(({ document }: Stored) => document)
const hostsOf = (replica: Replica) => documents(replica, 'host') as HostDocument[]

function hostWants(center: Datacenter, { name, status }: HostDocument): string[] {
  const host = center.hosts.get(name)
  if (host === undefined) return []
  const wishes = host.notebook.keys('wish').map((key) => host.notebook.get(key) as unknown as Wish)
  return [
    ...(status.state === 'connected' ? [] : [`host ${name} is ${status.state}`]),
    ...wishes
      .filter(({ isClaimed, document }) => !isClaimed && !isTaken(center, name, document))
      .map(({ document }) => `${document.kind} ${document.name} is a stray on ${name}`),
  ]
}

/** Whether another machine was given a disk or port of a stray guest before it could be taken back. */
export function isTaken({ storeDisk }: Datacenter, host: string, { kind, spec }: Wish['document']): boolean {
  if (kind !== 'guest') return false
  const guest = spec as unknown as GuestSpec
  return guestClaims(host, guest).some(
    (claim) => (storeDisk.claims.get(claim) ?? guest.machine) !== guest.machine,
  )
}

function volumeWants(
  replica: Replica,
  { name, status, deletingAtMs, spec, id, host }: VolumeDocument,
): string[] {
  // A body that was running when its disk was taken off keeps it until it is stopped.
  const isHeld = [...replica.all('guest')].some(({ document }) => {
    const { disks, leaving } = document.spec as GuestSpec
    return [...disks, ...leaving].some(({ volume }) => volume === id)
  })
  if (deletingAtMs !== null)
    return isHeld ? [] : [`volume ${name} is still being deleted: ${codes(status.holds)}`]
  if (status.state !== 'ready')
    return [`volume ${name} on ${host} is ${status.state}: ${codes(status.holds)}`]
  if (spec.sizeMib === undefined || status.sizeBytes >= spec.sizeMib * 2 ** 20) return []
  return isOpen(replica, id) ? [] : [`volume ${name} has not grown: ${codes(status.holds)}`]
}

/** Whether a guest that runs has it, or has not let it go yet (one that is paused cannot); then it grows later. */
const isOpen = (replica: Replica, volume: string) =>
  (documents(replica, 'guest') as GuestDocument[]).some(
    ({ spec, status }) =>
      status.pid !== null && [...spec.disks, ...spec.leaving].some((disk) => disk.volume === volume),
  )

const imageWants = ({ name, status, deletingAtMs }: ImageDocument): string[] =>
  status.state === 'ready' && deletingAtMs === null
    ? []
    : [`image ${name} is ${status.state}: ${codes(status.holds)}`]

/** A snapshot is there or gone; one that cannot be says why, for good. */
const snapshotWants = ({ name, status, deletingAtMs }: SnapshotDocument): string[] =>
  deletingAtMs === null && (status.state === 'ready' || status.state === 'failed' || status.holds.length > 0)
    ? []
    : [`snapshot ${name} is ${status.state}: ${codes(status.holds)}`]

const codes = (holds: readonly { readonly code: string; readonly facts: object }[]) =>
  holds.map(({ code, facts }) => `${code} ${JSON.stringify(facts)}`).join(', ')

/** Holds that explain for good why a machine does not run; nothing heals them but another wish. */
const lasting = new Set(['machine/no-host', 'machine/no-room'])

/** What a person has to decide: to bring a part back or to reboot, to name another source. */
const forPerson = new Set(['guest/memory-parts', 'machine/snapshot-not-ready', 'machine/snapshot-failed'])

function machineWants(center: Datacenter, replica: Replica, machine: MachineDocument): string[] {
  const { name, spec, status } = machine
  const told = `machine ${name} is ${status.state}, wished ${spec.power}: ${codes(status.holds)}`
  if (machine.deletingAtMs !== null) return [told]
  if (isHalfReverted(machine)) return [`machine ${name} has not gone back: ${codes(status.holds)}`]
  if (status.holds.some(({ code }) => lasting.has(code)) && !hasRoom(replica, machine)) return []
  if (isHeldByAnother(replica, machine) || status.holds.some(({ code }) => forPerson.has(code))) return []
  const [guest] = replica.by('guest-of', machine.id) as Stored<GuestDocument>[]
  if (guest === undefined) return spec.power === 'off' && status.state === 'stopped' ? [] : [told]
  const fact = factOf(center, machine, guest.document)
  const isTold = status.state === fact || (fact === 'stopped' && status.state === 'crashed')
  if (!isWished(machine, fact) || !isTold) return [`${told}; in truth it is ${fact}`]
  return fact === 'running' ? partWants(center, machine, guest.document) : []
}

/** A revert that was begun and is not done; one whose snapshot has gone meanwhile is not begun, and says so. */
const isHalfReverted = ({ spec, status }: MachineDocument) =>
  spec.revert !== null &&
  spec.revert.at > status.revertedAt &&
  !status.holds.some(({ code }) => unreturnable.has(code))

const unreturnable = new Set(['machine/snapshot-missing', 'machine/memory-parts', 'snapshot/unfit'])

/** A guest that runs has the disks that are wished, or people are told that they wait. */
function partWants(center: Datacenter, { name, status }: MachineDocument, guest: GuestDocument): string[] {
  const shape = center.hosts.get(guest.host ?? '')?.world.guests.get(guest.id)?.shape
  const has = (shape?.disks ?? []).map(({ chain }) => volumeIn(chain[0]?.file ?? '')).toSorted()
  const wished = guest.spec.disks.map(({ volume }) => volume).toSorted()
  const isTold =
    status.restartRequired.includes('disks') || status.holds.some(({ code }) => excuses.has(code))
  const isAsWished = has.join() === wished.join()
  return [
    ...(isAsWished || isTold
      ? []
      : [`machine ${name} has disks ${has}, wished ${wished}: ${codes(status.holds)}`]),
    ...(isAsWished && guest.spec.leaving.length > 0
      ? [`machine ${name} never gives back ${guest.spec.leaving.map(({ claim }) => claim)}`]
      : []),
  ]
}

/** Why a guest has other disks than are wished, for good. */
const excuses: ReadonlySet<string> = new Set([
  'guest/clings',
  'guest/no-slot',
  'guest/change-failed',
  'machine/volume-not-ready',
  'guest/volume-in-use',
])

/** The volume that a file of the simulated disks is of. */
export const volumeIn = (file: string) => /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(file)?.[0]

/** Another machine has the disk or the port that this one needs: it waits, and says so. */
function isHeldByAnother(replica: Replica, { id, status }: MachineDocument): boolean {
  if (status.holds.some(({ code }) => code === 'machine/volume-in-use' || code === 'machine/port-taken'))
    return true
  const hold = status.holds.find(
    ({ code, facts }) => code === 'object/failed' && facts.code === 'store/claimed',
  )
  const missing = status.holds.find(({ code }) => code === 'machine/volume-not-ready')
  if (missing !== undefined)
    return replica.find('volume', 'default', String(missing.facts.volume)) === undefined
  return hold !== undefined && id !== ''
}

/** Whether some host could take the machine after all. */
function hasRoom(replica: Replica, { spec, host: own }: MachineDocument): boolean {
  return hostsOf(replica).some(({ name, status, spec: host }) => {
    if (own !== null || status.state !== 'connected' || !host.isSchedulable) return false
    if (spec.datastore !== 'pool' && spec.datastore !== `local-${name}`) return false
    const { machines: _, cpus, memoryMib } = status.allocated
    const isFree = status.memoryMib - host.reserveMib - memoryMib >= spec.memoryMib + 96
    return isFree && status.cpus * host.vcpusPerCpu - cpus >= spec.cpus
  })
}

function factOf(center: Datacenter, { spec }: MachineDocument, guest: GuestDocument): string {
  const seen = center.hosts.get(guest.host ?? '')?.world.guests.get(guest.id)
  const process = seen?.process ?? 'absent'
  if (process === 'absent') return 'stopped'
  return process === 'running' && seen?.body.spec.boot !== spec.boot ? 'of an older boot' : process
}

function isWished({ spec, status }: MachineDocument, fact: string): boolean {
  if (spec.power === 'off') return fact === 'stopped'
  if (fact === (spec.power === 'on' ? 'running' : 'paused')) return true
  const isItsOwn = status.holds.some(
    ({ code }) => code === 'guest/powered-itself-off' || code === 'guest/crashed',
  )
  return fact === 'stopped' && isItsOwn
}
