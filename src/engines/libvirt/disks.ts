/** Disks and CD drives of a libvirt domain. */

import type { XmlElement } from '#base/xml.ts'
import { wholeOf } from './basics.ts'
import type { Taking } from './taking.ts'

/** A disk whose content lies elsewhere: somebody has to bring it. */
export type ForeignDisk = {
  /** As libvirt calls it: `vda`. */
  readonly target: string
  readonly medium: 'disk' | 'cdrom'
  /** Path of the content on the other host; nothing where it is no file or device. */
  readonly file: string | null
  /** As it was described; what it really is, its header says. */
  readonly format: string
  readonly bootAt: number | null
  /** How it is attached: fields of a machine's disk. */
  readonly options: Readonly<Record<string, unknown>>
}

const buses = new Set(['virtio', 'scsi', 'sata', 'nvme', 'usb'])

export const disksOf = (taking: Taking, devices: XmlElement | undefined): ForeignDisk[] =>
  taking.children(devices, 'disk').flatMap((disk) => diskOf(taking, disk) ?? [])

function diskOf(taking: Taking, disk: XmlElement): ForeignDisk | undefined {
  const device = taking.attribute(disk, 'device') ?? 'disk'
  if (device === 'floppy' || device === 'lun') {
    taking.leave(disk, 'lost', `there are no ${device} drives`)
    return undefined
  }
  const medium = device === 'cdrom' ? 'cdrom' : 'disk'
  const target = taking.child(disk, 'target')
  const source = taking.child(disk, 'source')
  const driver = taking.child(disk, 'driver')
  taking.attribute(disk, 'type')
  taking.leaveAttribute(driver, 'name', 'own', 'QEMU opens every disk')
  for (const name of ['address', 'alias', 'backingStore'])
    for (const each of taking.children(disk, name)) taking.leave(each, 'own', 'given by Decant')
  const file = taking.attribute(source, 'file') ?? taking.attribute(source, 'dev') ?? null
  if (file === null && source !== undefined)
    taking.leave(source, 'lost', 'its content is no file: bring it as an image or volume')
  taking.leaveAttribute(source, 'index', 'own', 'given by Decant')
  for (const each of taking.children(disk, 'serial'))
    taking.leave(each, 'lost', 'disks have no serial number')
  for (const each of taking.children(disk, 'encryption'))
    taking.leave(each, 'lost', 'bring the content decrypted; it can be encrypted here')
  taking.leaveAttribute(target, 'tray', 'own', 'trays are closed')
  if (medium === 'cdrom') {
    taking.attribute(target, 'bus')
    taking.children(disk, 'readonly')
  }
  return {
    target: taking.attribute(target, 'dev') ?? 'disk',
    medium,
    file,
    format: taking.attribute(driver, 'type') ?? 'raw',
    bootAt: wholeOf(taking.attribute(taking.child(disk, 'boot'), 'order')) ?? null,
    options: medium === 'cdrom' ? {} : { ...attachment(taking, disk, target, driver), ...tune(taking, disk) },
  }
}

function attachment(
  taking: Taking,
  disk: XmlElement,
  target: XmlElement | undefined,
  driver: XmlElement | undefined,
) {
  const bus = taking.attribute(target, 'bus') ?? 'virtio'
  if (!buses.has(bus))
    taking.leaveAttribute(target, 'bus', 'changed', 'it becomes a SATA disk: a q35 has no other such bus')
  const cache = taking.attribute(driver, 'cache')
  const known = cache === 'none' || cache === 'writeback' || cache === 'writethrough'
  if (cache === 'unsafe' || cache === 'directsync')
    taking.leaveAttribute(driver, 'cache', 'changed', 'what the guest flushed is kept over a power cut')
  const io = taking.attribute(driver, 'io')
  const discard = taking.attribute(driver, 'discard')
  return {
    bus: buses.has(bus) ? bus : 'sata',
    ...(known ? { cache } : {}),
    ...(io === 'native' || io === 'threads' ? { io } : io === 'io_uring' ? { io: 'io-uring' } : {}),
    ...(discard === undefined ? {} : { discard: discard === 'unmap' }),
    ...(taking.children(disk, 'readonly').length > 0 ? { isReadOnly: true } : {}),
  }
}

function tune(taking: Taking, disk: XmlElement) {
  const bounds = taking.child(disk, 'iotune')
  const iops = wholeOf(taking.text(taking.child(bounds, 'total_iops_sec')))
  const bytes = Number(taking.text(taking.child(bounds, 'total_bytes_sec')))
  return {
    ...(iops === undefined || iops < 10 ? {} : { iops }),
    ...(bytes > 0 ? { mibPerSecond: Math.max(1, Math.round(bytes / 2 ** 20)) } : {}),
  }
}
