/**
 * Reads the description of an OVA: one machine, its processors, memory, disks and NICs. What it says is told, never obeyed.
 * Format: DMTF DSP0243 (OVF), CIM_ResourceAllocationSettingData for the numbers of resource types.
 */

import { inert } from '#base/text.ts'
import { childOf, childrenOf, xmlFrom, type XmlElement } from '#base/xml.ts'
import type { Appliance } from '#kinds/image/parts.ts'
import { limits } from '#model/limits.ts'

export type OvfDisk = Appliance['disks'][number] & { readonly isPacked: boolean }
export type Ovf = { readonly appliance: Appliance; readonly disks: readonly OvfDisk[] }

const resource = { cpu: '3', memory: '4', ide: '5', scsi: '6', nic: '10', disk: '17', sata: '20', nvme: '32' }
/** Taken in, or of no consequence: an own CD drive, screen and keyboard come with every machine. */
const quiet = new Set(['3', '4', '5', '6', '10', '13', '17', '20', '24', '32'])
const named: Readonly<Record<string, string>> = {
  '1': 'a device of a kind of its own',
  '11': 'a network adapter of another kind',
  '14': 'a floppy drive',
  '15': 'a CD drive',
  '16': 'a DVD drive',
  '21': 'a serial port',
  '22': 'a parallel port',
  '23': 'a USB controller',
  '35': 'a sound card',
}
const sections = new Set([
  'Info',
  'Name',
  'OperatingSystemSection',
  'VirtualHardwareSection',
  'AnnotationSection',
  'References',
  'DiskSection',
  'NetworkSection',
  'VirtualSystem',
  'Strings',
  'Machine',
])
const mostDisks = 32
const mostNics = 16

export function ovfFrom(text: string): Ovf | { readonly why: string } {
  const root = xmlFrom(text, { chars: limits.ovfChars, depth: 32, elements: 20_000 })
  if ('why' in root) return { why: `its description cannot be read: ${root.why}` }
  if (root.name !== 'Envelope') return { why: 'its description is no OVF envelope' }
  if (childrenOf(root, 'VirtualSystemCollection').length > 0)
    return { why: 'it holds several machines; send one at a time' }
  const [system, ...more] = childrenOf(root, 'VirtualSystem')
  if (system === undefined || more.length > 0) return { why: 'it does not describe exactly one machine' }
  const hardware = childOf(system, 'VirtualHardwareSection')
  const items = [
    ...childrenOf(hardware, 'Item'),
    ...childrenOf(hardware, 'StorageItem'),
    ...childrenOf(hardware, 'EthernetPortItem'),
  ]
  const disks = disksOf(root, items)
  if ('why' in disks) return disks
  return { disks, appliance: applianceOf(root, system, { items, disks }) }
}

type Hardware = { readonly items: readonly XmlElement[]; readonly disks: readonly OvfDisk[] }

function applianceOf(root: XmlElement, system: XmlElement, { items, disks }: Hardware): Appliance {
  const about = childOf(system, 'OperatingSystemSection')
  const hardware = childOf(system, 'VirtualHardwareSection')
  const firmware = childrenOf(hardware, 'Config').find(
    (config) => config.attributes.get('key') === 'firmware',
  )
  return {
    name: short(childOf(system, 'Name')?.text || system.attributes.get('id') || ''),
    description: short(childOf(childOf(system, 'AnnotationSection'), 'Annotation')?.text ?? '', 512),
    system: short(childOf(about, 'Description')?.text || about?.attributes.get('osType') || ''),
    cpus: clamp(quantityOf(ofKind(items, resource.cpu)[0]), 1, limits.vcpusPerMachine),
    memoryMib: clamp(memoryMib(ofKind(items, resource.memory)[0]), 0, limits.memoryMibPerMachine),
    firmware: firmware === undefined ? '' : firmware.attributes.get('value') === 'efi' ? 'uefi' : 'bios',
    disks: disks.map(({ member, capacityBytes, bus }) => ({ member, capacityBytes, bus })),
    nics: ofKind(items, resource.nic)
      .slice(0, mostNics)
      .map((item) => ({
        network: short(textOf(item, 'Connection')),
        model: short(textOf(item, 'ResourceSubType')),
      })),
    notCarried: notCarried(root, system, items),
  }
}

const short = (text: string, chars = 128) => inert(text.replaceAll(/\s+/g, ' ')).slice(0, chars)
const textOf = (item: XmlElement | undefined, name: string) => childOf(item, name)?.text ?? ''
const kindOf = (item: XmlElement) => textOf(item, 'ResourceType')
const ofKind = (items: readonly XmlElement[], kind: string) => items.filter((item) => kindOf(item) === kind)
const clamp = (value: number, least: number, most: number) =>
  Math.max(least, Math.min(most, Number.isFinite(value) ? Math.round(value) : least))

const quantityOf = (item: XmlElement | undefined) => wholeFrom(textOf(item, 'VirtualQuantity'))

const wholeFrom = (text: string) => (/^\d{1,18}$/.test(text) ? Number(text) : Number.NaN)

const memoryMib = (item: XmlElement | undefined) =>
  (quantityOf(item) * unitBytes(textOf(item, 'AllocationUnits') || 'byte * 2^20')) / 2 ** 20

/** `byte * 2^20` and the older `MegaBytes`; bytes where nothing is said. */
function unitBytes(unit: string): number {
  const power = /\*\s*(2|10)\s*\^\s*(\d{1,2})/.exec(unit)
  if (power !== null) return Number(power[1]) ** Number(power[2])
  const word = /^(kilo|mega|giga|tera)byte/i.exec(unit.trim())?.[1]?.toLowerCase() ?? ''
  return { kilo: 2 ** 10, mega: 2 ** 20, giga: 2 ** 30, tera: 2 ** 40 }[word] ?? 1
}

/** The disks in the order of the machine; those that no item names come last. */
function disksOf(
  root: XmlElement,
  items: readonly XmlElement[],
): readonly OvfDisk[] | { readonly why: string } {
  const files = new Map(
    childrenOf(childOf(root, 'References'), 'File').map((file) => [file.attributes.get('id') ?? '', file]),
  )
  const described = childrenOf(childOf(root, 'DiskSection'), 'Disk')
  if (described.length > mostDisks) return { why: `it has more than ${mostDisks} disks` }
  if (described.some((disk) => disk.attributes.has('parentRef')))
    return { why: 'one of its disks stands on another' }
  const found = described.map((disk) => ({
    id: disk.attributes.get('diskId') ?? '',
    disk: diskOf(disk, files, items),
  }))
  const far = found.find(({ disk }) => /[/\\:]/.test(disk.member))
  if (far !== undefined) return { why: 'one of its disks lies outside the archive' }
  const order = ofKind(items, resource.disk).map(
    (item) => /disk\/(.+)$/.exec(textOf(item, 'HostResource'))?.[1],
  )
  const placeOf = (id: string) => (order.includes(id) ? order.indexOf(id) : order.length)
  return found.toSorted((a, b) => placeOf(a.id) - placeOf(b.id)).map(({ disk }) => disk)
}

function diskOf(
  disk: XmlElement,
  files: ReadonlyMap<string, XmlElement>,
  items: readonly XmlElement[],
): OvfDisk {
  const file = files.get(disk.attributes.get('fileRef') ?? '')
  const capacity = wholeFrom(disk.attributes.get('capacity') ?? '')
  const unit = unitBytes(disk.attributes.get('capacityAllocationUnits') ?? '')
  return {
    member: (file?.attributes.get('href') ?? '').slice(0, 255),
    capacityBytes: clamp(capacity * unit, 0, limits.diskGibPerVolume * 2 ** 30),
    bus: busOf(disk.attributes.get('diskId') ?? '', items),
    isPacked: file?.attributes.get('compression') === 'gzip',
  }
}

function busOf(id: string, items: readonly XmlElement[]): OvfDisk['bus'] {
  const item = ofKind(items, resource.disk).find((item) =>
    textOf(item, 'HostResource').endsWith(`disk/${id}`),
  )
  const parent = textOf(item, 'Parent')
  const controller = items.find((other) => parent !== '' && textOf(other, 'InstanceID') === parent)
  if (controller === undefined) return ''
  if (/virtio/i.test(textOf(controller, 'ResourceSubType'))) return 'virtio'
  if (/nvme/i.test(textOf(controller, 'ResourceSubType'))) return 'nvme'
  const buses: Readonly<Record<string, OvfDisk['bus']>> = {
    [resource.ide]: 'ide',
    [resource.scsi]: 'scsi',
    [resource.sata]: 'sata',
    [resource.nvme]: 'nvme',
  }
  return /ahci|sata/i.test(textOf(controller, 'ResourceSubType')) ? 'sata' : (buses[kindOf(controller)] ?? '')
}

function notCarried(root: XmlElement, system: XmlElement, items: readonly XmlElement[]): string[] {
  const devices = items
    .map(kindOf)
    .filter((kind) => !quiet.has(kind))
    .map((kind) => named[kind] ?? `a device of the type ${short(kind, 16)}`)
  const others = [...root.children, ...system.children]
    .map(({ name }) => name)
    .filter((name) => !sections.has(name))
  return [...new Set([...devices, ...others.map((name) => short(name, 64))])].slice(0, 64)
}
