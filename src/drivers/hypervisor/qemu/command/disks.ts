/** Disks and drives, and what they hang from. */

import { assert } from '#base/assert.ts'
import type { JsonObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import type { DiskFile } from '../../port.ts'
import { isEncrypted, nodeOf } from './image.ts'
import { keptPlace, layoutOf } from './layout.ts'
import { device, isMicrovm, json, place, portOf, rootPort, virtio, type Part, type Start } from './part.ts'

/** An error of the store stops the guest instead of reaching it (I-31). */
const onErrors = { werror: 'stop', rerror: 'stop' }

/** Ports of the SATA controller that every q35 has. */
const sataPorts = 6

/** The controllers that these disks and drives hang from, and that the machine has not anyway. */
export function controllers(start: Start): Part {
  const { disks } = start.body
  const [scsiKept, usbKept] = [keptPlace(start.body, 'scsi'), keptPlace(start.body, 'usb')]
  const hasScsi = disks.some(({ bus }) => bus === 'scsi') || hasScsiDrives(start) || scsiKept !== undefined
  const hasUsb = disks.some(({ bus }) => bus === 'usb') || start.usbNodes.length > 0 || usbKept !== undefined
  return [
    ...(hasScsi ? virtio(start, 'virtio-scsi', scsiKept ?? place(0x13), { id: 'scsi' }) : []),
    ...diskPorts(start),
    ...(hasUsb ? device({ driver: 'qemu-xhci', id: 'usb', ...(usbKept ?? place(0x14)) }) : []),
  ]
}

/**
 * Drives hang from SATA, which every system knows. Where there is none, and for the kernels that we load
 * ourselves, which are those of clouds and know virtio alone, they hang from virtio's SCSI.
 */
const hasScsiDrives = (start: Start) => start.body.cdroms.length > 0 && areDrivesScsi(start)

const areDrivesScsi = (start: Start) =>
  isMicrovm(start) || start.architecture === 'aarch64' || start.body.kernel !== null

export function disks(start: Start): Part {
  const { body } = start
  assert(body.disks.length <= limits.disksPerMachine, 'disks are bounded')
  const order = bootIndexes(start)
  return body.disks.flatMap((disk, n) => [
    // What needs a key is opened over QMP, once the key is there.
    ...(isEncrypted(disk) ? [] : ['-blockdev', json(nodeOf(disk, disk.id))]),
    ...device({
      ...diskDevice(disk, disk.id),
      ...(isMicrovm(start)
        ? { driver: 'virtio-blk-device' }
        : (keptPlace(body, disk.id) ?? diskPlace(body.disks, n))),
      ...order(disk.id),
    }),
  ])
}

function diskPlace(all: readonly DiskFile[], n: number): JsonObject {
  const bus = all[n]?.bus
  const nth = all.slice(0, n).filter((disk) => disk.bus === bus).length
  if (bus === 'scsi') return { bus: 'scsi.0', 'scsi-id': nth }
  if (bus === 'sata') return { bus: `ide.${nth}` }
  if (bus === 'usb') return { bus: 'usb.0' }
  return { bus: portOf(all[n]?.id ?? '') }
}

/** Ports for the disks that sit on the PCI bus themselves. */
const diskPorts = (start: Start): Part =>
  isMicrovm(start) || layoutOf(start.body) !== null
    ? []
    : start.body.disks.flatMap(({ id, bus }, n) =>
        bus === 'virtio' || bus === 'nvme'
          ? rootPort(portOf(id), 0x40 + n, place(0xe + (n >> 3), n & 7))
          : [],
      )

/** A disk's device without its place. */
export function diskDevice({ id, bus, cache }: DiskFile, node: string): JsonObject {
  const common = {
    id,
    drive: node,
    serial: id,
    // Told that nothing is cached, a guest need not flush; each write is flushed for it.
    ...(cache === 'writethrough' ? { 'write-cache': 'off' } : {}),
  }
  switch (bus) {
    case 'scsi':
      return { driver: 'scsi-hd', device_id: id, ...common, ...onErrors }
    case 'sata':
      return { driver: 'ide-hd', ...common, ...onErrors }
    case 'usb':
      return { driver: 'usb-storage', ...common, ...onErrors }
    case 'nvme':
      return { driver: 'nvme', ...common }
    default:
      return { driver: 'virtio-blk-pci', ...common, ...onErrors }
  }
}

/** Drives for media, empty or not. */
export function drives(start: Start): Part {
  const { cdroms, disks } = start.body
  assert(cdroms.length <= limits.cdromsPerMachine, 'drives are bounded')
  const order = bootIndexes(start)
  const taken = disks.filter(({ bus }) => bus === 'sata').length
  return cdroms.flatMap((medium, n) => [
    ...(medium.file === null ? [] : ['-blockdev', json(mediumNode(medium.id, medium.file))]),
    ...device({
      ...(areDrivesScsi(start)
        ? { driver: 'scsi-cd', bus: 'scsi.0', 'scsi-id': 64 + n }
        : { driver: 'ide-cd', bus: `ide.${taken + n}` }),
      id: medium.id,
      ...(medium.file === null ? {} : { drive: medium.id }),
      ...order(medium.id),
    }),
  ])
}

export const mediumNode = (name: string, file: string): JsonObject => ({
  'node-name': name,
  driver: 'raw',
  'read-only': true,
  file: { driver: 'file', filename: file, 'read-only': true },
})

/** What cloud-init reads at the first boot: a small disk, for some kernels know no drives. */
export const seed = (start: Start): Part =>
  start.body.seed === null
    ? []
    : [
        '-blockdev',
        json(mediumNode('seed', 'seed.iso')),
        ...virtio(start, 'virtio-blk', keptPlace(start.body, 'seed') ?? place(0x15), {
          id: 'seed',
          drive: 'seed',
          serial: 'seed',
        }),
      ]

/** Who is asked to boot before whom. Given by id: the index, or nothing for what is not booted from. */
export function bootIndexes({ body }: Start): (id: string) => JsonObject {
  const ids = {
    disk: body.disks.map(({ id }) => id),
    cdrom: body.cdroms.map(({ id }) => id),
    network: body.plugs.map(({ id }) => id),
  }
  const order = body.spec.shape.bootOrder.flatMap((what) => ids[what])
  return (id) => (order.includes(id) ? { bootindex: order.indexOf(id) + 1 } : {})
}

/** How many SATA ports are wished beyond those that there are. */
export const missingSataPorts = (start: Pick<Start, 'body' | 'architecture'>) => {
  const { disks, cdroms, kernel } = start.body
  const drives = kernel === null ? cdroms.length : 0
  return disks.filter(({ bus }) => bus === 'sata').length + drives - sataPorts
}
