/** Disks, CD drives, NICs and shape of a guest, derived from its machine's wish and what stands around it. Pure. */

import type { GuestDisk, GuestNic, GuestShape } from '#kinds/guest/parts.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { VolumeDocument } from '#kinds/volume/schema.ts'
import type { MachineObserved } from './observed.ts'
import { bootDiskName, diskName, nicName, type Disk } from './parts.ts'
import type { MachineSpec } from './schema.ts'

type Attachment = Pick<Disk, 'bus' | 'cache' | 'io' | 'discard' | 'isReadOnly' | 'iops' | 'mibPerSecond'>

const attachmentOf = (disk: Attachment): Attachment => ({
  bus: disk.bus,
  cache: disk.cache,
  io: disk.io,
  discard: disk.discard,
  isReadOnly: disk.isReadOnly,
  iops: disk.iops,
  mibPerSecond: disk.mibPerSecond,
})

const diskOf = (id: string, volume: VolumeDocument, how: Attachment): GuestDisk => ({
  id,
  volume: volume.id,
  volumeName: volume.name,
  datastore: volume.spec.datastore,
  format: volume.spec.format,
  ...attachmentOf(how),
  isEncrypted: volume.spec.isEncrypted,
  sizeBytes: volume.spec.sizeMib === undefined ? null : volume.spec.sizeMib * 2 ** 20,
})

/** The disks as wished, but for those whose volume is not there yet and that the guest was not told of. */
export function disksOf(wish: MachineSpec, { bootVolume, disks, guest }: MachineObserved): GuestDisk[] {
  const told = new Set(guest?.spec.disks.map(({ volume }) => volume))
  const further = wish.disks.flatMap((disk, at) => {
    const volume = disks[at]
    if (volume === null || volume === undefined) return []
    const isThere = volume.status.state === 'ready' || told.has(volume.id)
    return isThere ? [diskOf(diskName(disk, at), volume, disk)] : []
  })
  return bootVolume === null ? further : [diskOf(bootDiskName, bootVolume, wish.bootDisk), ...further]
}

export const cdromsOf = (wish: MachineSpec, { media }: MachineObserved): GuestSpec['cdroms'] =>
  wish.cdroms.map((_, at) => {
    const image = media[at] ?? null
    const isThere = image?.status.state === 'ready'
    return {
      id: `cdrom${at}`,
      image: isThere ? image.id : null,
      datastore: isThere ? image.spec.datastore : wish.datastore,
    }
  })

export function nicsOf(wish: MachineSpec, seen: MachineObserved): GuestNic[] {
  return wish.nics.flatMap((nic, at) => {
    const network = seen.networks[at]
    if (network === null || network === undefined) return []
    // Without its address it stays as it was told, or does not come yet.
    if ((seen.addresses[at]?.refusal ?? null) !== null)
      return seen.guest?.spec.nics.filter(({ id }) => id === nicName(nic, at)) ?? []
    const { driver, isRestricted, mtu, isFiltered } = network.spec
    return [
      {
        id: nicName(nic, at),
        network: network.id,
        driver,
        mac: nic.mac ?? macOf(seen.machine.id, nicName(nic, at)),
        isRestricted,
        model: nic.model,
        mtu,
        isLinkUp: nic.isLinkUp,
        address4: seen.addresses[at]?.address4 ?? null,
        address6: seen.addresses[at]?.address6 ?? null,
        groups: [...(seen.groups[at] ?? [])],
        isFiltered,
        mbitIn: nic.mbitIn,
        mbitOut: nic.mbitOut,
        forwards: nic.forwards,
      },
    ]
  })
}

/**
 * A stable, locally administered address from the machine's id and the NIC's name (IEEE 802, the U/L bit set). What
 * is called by its place has the addresses that it always had.
 */
export function macOf(id: string, name: string): string {
  const digits = id.replaceAll('-', '')
  const place = /^net(\d{1,2})$/.exec(name)?.[1]
  const mark = place === undefined ? 0x100 + (hashOf(name) % 0xff00) : Number(place)
  const last = (Number.parseInt(digits.slice(6, 10), 16) ^ mark).toString(16).padStart(4, '0')
  const parts = [digits.slice(0, 2), digits.slice(2, 4), digits.slice(4, 6), last.slice(0, 2), last.slice(2)]
  return ['52', ...parts].join(':')
}

/** FNV-1a, 32 bits: names of NICs are few and need no secrecy. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const letter of text) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return hash
}

/** The shape as wished; a baseline is that of the pool when the boot began, so that it does not change by itself. */
export function shapeOf(wish: MachineSpec, { guest, baseline, machine }: MachineObserved): GuestShape {
  const isKept =
    guest !== null && guest.spec.boot === wish.boot && guest.spec.machineSpec.cpuModel === 'baseline'
  const model = isKept ? guest.spec.shape.cpuModel : baseline
  return {
    firmware: wish.firmware,
    isSecureBoot: wish.isSecureBoot,
    hasTpm: wish.hasTpm,
    cpuModel: wish.cpuModel === 'baseline' ? model : wish.cpuModel,
    sockets: wish.sockets,
    threads: wish.threads,
    cpusMax: wish.cpusMax,
    memoryMaxMib: wish.memoryMaxMib,
    hugePages: wish.hugePages,
    numaNodes: wish.numaNodes,
    hasBalloon: true,
    watchdog: wish.watchdog,
    screen: wish.screen,
    screens: wish.screens,
    hasGuestAgent: wish.hasGuestAgent,
    bootOrder: wish.bootOrder,
    machineVersion: wish.machineVersion ?? machine.status.machineVersion,
    shares: wish.shares,
    hostDevices: wish.hostDevices,
  }
}
