/**
 * Devices of the host that a guest opens itself. Where the host keeps a device from its users, the guest gets a
 * node of its own in its run folder, shown at the usual place; the host's own is not touched.
 */

import { chownSync, existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Problem } from '#model/problem.ts'
import type { Body } from '../../port.ts'
import { run } from '../run.ts'
import type { Shown } from './wrap.ts'

export const tun = '/dev/net/tun'

/** The device as the guest's user can open it: the host's own node, or a copy in the run folder. */
export async function openableNode(device: string, folder: string, uid: number | null): Promise<string> {
  const facts = statSync(device, { throwIfNoEntry: false })
  if (facts === undefined)
    throw new Problem('feature/not-here', { what: device, why: 'the kernel has no such device' })
  if (uid === null || (facts.mode & 0o006) === 0o006) return device
  const copy = join(folder, `node-${basename(device)}`)
  if (!existsSync(copy)) {
    const [major, minor] = [(facts.rdev >> 8) & 0xfff, (facts.rdev & 0xff) | ((facts.rdev >> 12) & 0xfff00)]
    const made = await run('mknod', ['-m', '600', copy, 'c', String(major), String(minor)])
    if (made.status !== 0)
      throw new Problem('feature/not-here', { what: device, why: 'a node for the guest cannot be made' })
  }
  chownSync(copy, uid, uid)
  return copy
}

/** What the plugs and devices of a body need to be seen in its jail. */
export async function shownDevices(
  { spec, plugs }: Body,
  at: { readonly folder: string; readonly uid: number | null; readonly devices: readonly string[] },
): Promise<readonly Shown[]> {
  const needed = plugs.some(({ driver }) => driver === 'tap') ? [tun, ...at.devices] : at.devices
  const shown: Shown[] = []
  for (const target of needed) {
    const source = await openableNode(target, at.folder, at.uid)
    shown.push({ how: '--dev-bind', source, target })
  }
  const hasHostDevices = spec.shape.hostDevices.length > 0
  return hasHostDevices ? [...shown, { how: '--ro-bind', source: '/sys', target: '/sys' }] : shown
}

const pciFolder = '/sys/bus/pci/devices'

/** Nodes under /dev by which PCI devices are given away. Problem `feature/not-here` when one cannot be. */
export function pciNodes({ spec }: Body): readonly string[] {
  const wished = spec.shape.hostDevices.filter(({ bus }) => bus === 'pci')
  const groups = wished.map(({ address }) => groupOf(address))
  return groups.length === 0
    ? []
    : ['/dev/vfio/vfio', ...new Set(groups.map((group) => `/dev/vfio/${group}`))]
}

/** A group is given away as a whole: what else is in it must not be in use by the host. */
function groupOf(address: string): string {
  const what = `PCI device ${address}`
  const group = linkOf(join(pciFolder, address, 'iommu_group'))
  if (!existsSync(join(pciFolder, address)))
    throw new Problem('feature/not-here', { what, why: 'this host has no such device' })
  if (group === undefined)
    throw new Problem('feature/not-here', { what, why: 'it is in no IOMMU group: the IOMMU is off' })
  const members = readdirSync(join(pciFolder, address, 'iommu_group', 'devices'))
  const used = members.find((member) => !isFree(member))
  if (used !== undefined)
    throw new Problem('feature/not-here', {
      what,
      why: `${used} of its IOMMU group is not bound to the driver vfio-pci`,
    })
  return group
}

/** Bridges stay with the host; they take no part. */
const isFree = (address: string) =>
  ['vfio-pci', 'pcieport'].includes(linkOf(join(pciFolder, address, 'driver')) ?? '')

const usbFolder = '/sys/bus/usb/devices'

/**
 * Nodes of the USB devices that are given away, in their order. Problem `feature/not-here` when one is not there, or is
 * none that whoever runs this host has allowed.
 */
export function usbNodes({ spec }: Body, allowed: readonly string[]): readonly string[] {
  const wished = spec.shape.hostDevices.filter(({ bus }) => bus === 'usb')
  const refused = wished.find(({ address }) => !allowed.includes(address))
  if (refused !== undefined)
    throw new Problem('feature/not-here', {
      what: `USB device ${refused.address}`,
      why: 'this host gives it to no machine (setting --usb-device)',
    })
  return wished.map(({ address }) => usbNode(address))
}

function usbNode(address: string): string {
  const found = (existsSync(usbFolder) ? readdirSync(usbFolder) : []).find(
    (name) => `${factOf(name, 'idVendor')}:${factOf(name, 'idProduct')}` === address,
  )
  if (found === undefined)
    throw new Problem('feature/not-here', {
      what: `USB device ${address}`,
      why: 'this host has no such device',
    })
  const number = (name: string) => factOf(found, name).padStart(3, '0')
  return `/dev/bus/usb/${number('busnum')}/${number('devnum')}`
}

function factOf(name: string, fact: string): string {
  try {
    return readFileSync(join(usbFolder, name, fact), 'utf8').trim()
  } catch {
    return ''
  }
}

function linkOf(path: string): string | undefined {
  try {
    return basename(readlinkSync(path))
  } catch {
    return undefined
  }
}
