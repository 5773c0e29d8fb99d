/** A machine as a libvirt domain (libvirt.org, formatdomain), such that `virsh define` takes it. Pure. */

import type { XmlNode } from '#base/xml.ts'
import type { GuestDisk, GuestNic } from '#kinds/guest/parts.ts'
import type { MachineDocument, MachineSpec } from '#kinds/machine/schema.ts'

/** What of a machine stands elsewhere: its disks as they lie, and its NICs with their addresses. */
export type DomainFacts = {
  readonly architecture: 'x86_64' | 'aarch64'
  readonly accelerator: 'kvm' | 'tcg' | 'none' | 'simulated'
  readonly disks: readonly (Pick<
    GuestDisk,
    'format' | 'bus' | 'cache' | 'io' | 'discard' | 'isReadOnly' | 'iops' | 'mibPerSecond'
  > & { readonly file: string })[]
  readonly nics: readonly (Pick<GuestNic, 'mac' | 'model' | 'isLinkUp' | 'mbitIn' | 'mbitOut'> & {
    readonly network: string
  })[]
}

const node = (
  name: string,
  attributes: XmlNode['attributes'] = {},
  children: readonly XmlNode[] = [],
): XmlNode => ({
  name,
  attributes,
  children,
})
const leaf = (name: string, text: string | number, attributes: XmlNode['attributes'] = {}): XmlNode => ({
  name,
  attributes,
  text,
})
const when = (holds: boolean, ...nodes: readonly XmlNode[]) => (holds ? nodes : [])

export function domainOf(
  { id, name, description, spec, status }: MachineDocument,
  facts: DomainFacts,
): XmlNode {
  const type = facts.accelerator === 'kvm' ? 'kvm' : 'qemu'
  return node('domain', { type }, [
    leaf('name', name),
    leaf('uuid', id),
    ...when(description !== '', leaf('description', description)),
    ...memory(spec),
    leaf('vcpu', spec.cpusMax ?? spec.cpus, {
      current: spec.cpusMax !== null && spec.cpusMax > spec.cpus ? spec.cpus : undefined,
    }),
    system(spec, status.machineVersion, facts),
    node('features', {}, [
      node('acpi'),
      ...when(facts.architecture === 'x86_64', node('apic')),
      ...when(spec.isSecureBoot, node('smm', { state: 'on' })),
    ]),
    processor(spec, facts),
    node('clock', { offset: 'utc' }),
    leaf('on_poweroff', spec.restart === 'always' ? 'restart' : 'destroy'),
    leaf('on_reboot', 'restart'),
    leaf('on_crash', spec.restart === 'never' ? 'destroy' : 'restart'),
    node('devices', {}, devices(spec, facts)),
  ])
}

function memory({ memoryMib, memoryMaxMib, balloonMib, hugePages, shares }: MachineSpec): XmlNode[] {
  const pages = { '2MiB': 2048, '1GiB': 1_048_576, none: 0 }[hugePages]
  const backing = [
    ...when(pages > 0, node('hugepages', {}, [node('page', { size: pages, unit: 'KiB' })])),
    ...when(shares.length > 0, node('source', { type: 'memfd' }), node('access', { mode: 'shared' })),
  ]
  return [
    ...when(
      memoryMaxMib !== null && memoryMaxMib > memoryMib,
      leaf('maxMemory', memoryMaxMib ?? 0, { slots: 16, unit: 'MiB' }),
    ),
    leaf('memory', memoryMib, { unit: 'MiB' }),
    leaf('currentMemory', Math.min(balloonMib ?? memoryMib, memoryMib), { unit: 'MiB' }),
    ...when(backing.length > 0, node('memoryBacking', {}, backing)),
  ]
}

function system(spec: MachineSpec, noted: string | null, { architecture }: DomainFacts): XmlNode {
  const machine = architecture === 'aarch64' ? 'virt' : spec.machineType
  // Noted with the CPU model after a slash.
  const version = (spec.machineVersion ?? noted)?.split('/')[0]
  const names = { disk: 'hd', cdrom: 'cdrom', network: 'network' } as const
  const isUefi = spec.firmware === 'uefi' || architecture === 'aarch64'
  return node('os', { firmware: isUefi ? 'efi' : undefined }, [
    leaf('type', 'hvm', { arch: architecture, machine: version ?? machine }),
    ...when(
      isUefi,
      node('firmware', {}, [
        node('feature', { enabled: spec.isSecureBoot ? 'yes' : 'no', name: 'secure-boot' }),
      ]),
    ),
    ...spec.bootOrder.map((device) => node('boot', { dev: names[device] })),
  ])
}

/** Nodes share CPUs and memory evenly, the first ones the rest. */
export const shareOf = (whole: number, parts: number, part: number) =>
  Math.floor(whole / parts) + (part < whole % parts ? 1 : 0)

function processor(spec: MachineSpec, { accelerator }: DomainFacts): XmlNode {
  const cpus = spec.cpusMax ?? spec.cpus
  const sockets = spec.sockets ?? 1
  const cores = cpus / (sockets * spec.threads)
  const isNamed = spec.cpuModel !== 'auto' && spec.cpuModel !== 'baseline'
  const mode = isNamed ? 'custom' : accelerator === 'kvm' ? 'host-passthrough' : 'maximum'
  return node('cpu', { mode, match: isNamed ? 'exact' : undefined, check: 'none' }, [
    ...when(isNamed, leaf('model', spec.cpuModel, { fallback: 'forbid' })),
    ...when(Number.isInteger(cores), node('topology', { sockets, dies: 1, cores, threads: spec.threads })),
    ...when(spec.numaNodes > 1 || spec.memoryMaxMib !== null, node('numa', {}, cellsOf(spec, cpus))),
  ])
}

function cellsOf({ numaNodes, memoryMib }: MachineSpec, cpus: number): XmlNode[] {
  let first = 0
  return Array.from({ length: numaNodes }, (_, id) => {
    const count = shareOf(cpus, numaNodes, id)
    const cell = {
      id,
      cpus: count > 1 ? `${first}-${first + count - 1}` : `${first}`,
      memory: shareOf(memoryMib, numaNodes, id),
      unit: 'MiB',
    }
    first += count
    return node('cell', cell)
  })
}

function devices(spec: MachineSpec, facts: DomainFacts): XmlNode[] {
  const count = new Map<string, number>()
  return [
    ...facts.disks.map((disk) => diskNode(disk, targetFor(count, disk.bus))),
    ...spec.cdroms.map(() =>
      node('disk', { type: 'file', device: 'cdrom' }, [
        node('driver', { name: 'qemu', type: 'raw' }),
        node('target', { dev: targetFor(count, 'sata'), bus: 'sata' }),
        node('readonly'),
      ]),
    ),
    ...spec.shares.map(({ tag, folder, isReadOnly }) =>
      node('filesystem', { type: 'mount', accessmode: 'passthrough' }, [
        node('driver', { type: 'virtiofs' }),
        node('source', { dir: folder }),
        node('target', { dir: tag }),
        ...when(isReadOnly, node('readonly')),
      ]),
    ),
    ...facts.nics.map(nicNode),
    ...spec.hostDevices.map(hostDevice),
    node('serial', { type: 'pty' }, [node('target', { port: 0 })]),
    node('console', { type: 'pty' }, [node('target', { type: 'serial', port: 0 })]),
    ...when(
      spec.hasGuestAgent,
      node('channel', { type: 'unix' }, [node('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })]),
    ),
    ...when(
      spec.hasTpm,
      node('tpm', { model: 'tpm-crb' }, [node('backend', { type: 'emulator', version: '2.0' })]),
    ),
    ...screen(spec),
    ...when(spec.watchdog !== 'none', node('watchdog', { model: 'i6300esb', action: spec.watchdog })),
    node('memballoon', { model: 'virtio' }),
    node('rng', { model: 'virtio' }, [leaf('backend', '/dev/urandom', { model: 'random' })]),
  ]
}

const letters = 'abcdefghijklmnopqrstuvwxyz'
const prefixes: Readonly<Record<string, string>> = { virtio: 'vd', ide: 'hd', nvme: 'nvme' }

/** `vda`, `vdb`, … `sda`; disks of one prefix are lettered together. */
function targetFor(count: Map<string, number>, bus: string): string {
  const prefix = prefixes[bus] ?? 'sd'
  const at = count.get(prefix) ?? 0
  count.set(prefix, at + 1)
  return `${prefix}${letters[at] ?? letters.at(-1) ?? ''}`
}

function diskNode(disk: DomainFacts['disks'][number], dev: string): XmlNode {
  const io = disk.io === 'auto' ? undefined : disk.io.replace('-', '_')
  // libvirt has no NVMe disks made of files.
  const bus = disk.bus === 'nvme' ? 'virtio' : disk.bus
  const driver = {
    name: 'qemu',
    type: disk.format,
    cache: disk.cache,
    io,
    discard: disk.discard ? 'unmap' : 'ignore',
  }
  const bounds = [
    ...when(disk.mibPerSecond !== null, leaf('total_bytes_sec', (disk.mibPerSecond ?? 0) * 2 ** 20)),
    ...when(disk.iops !== null, leaf('total_iops_sec', disk.iops ?? 0)),
  ]
  return node('disk', { type: 'file', device: 'disk' }, [
    node('driver', driver),
    node('source', { file: disk.file }),
    node('target', { dev, bus }),
    ...when(bounds.length > 0, node('iotune', {}, bounds)),
    ...when(disk.isReadOnly, node('readonly')),
  ])
}

function nicNode(nic: DomainFacts['nics'][number]): XmlNode {
  const kib = (mbit: number) => Math.round((mbit * 1e6) / 8192)
  const bounds = [
    ...when(nic.mbitIn !== null, node('inbound', { average: kib(nic.mbitIn ?? 0) })),
    ...when(nic.mbitOut !== null, node('outbound', { average: kib(nic.mbitOut ?? 0) })),
  ]
  return node('interface', { type: 'network' }, [
    node('mac', { address: nic.mac }),
    node('source', { network: nic.network }),
    node('model', { type: nic.model }),
    ...when(bounds.length > 0, node('bandwidth', {}, bounds)),
    ...when(!nic.isLinkUp, node('link', { state: 'down' })),
  ])
}

function hostDevice({ bus, address }: MachineSpec['hostDevices'][number]): XmlNode {
  const hex = (text = '') => `0x${text}`
  if (bus === 'usb') {
    const [vendor, product] = address.split(':')
    return node('hostdev', { mode: 'subsystem', type: 'usb' }, [
      node('source', {}, [node('vendor', { id: hex(vendor) }), node('product', { id: hex(product) })]),
    ])
  }
  const [domain, slotBus, rest = ''] = address.split(':')
  const [slot, number] = rest.split('.')
  const at = { domain: hex(domain), bus: hex(slotBus), slot: hex(slot), function: hex(number) }
  return node('hostdev', { mode: 'subsystem', type: 'pci', managed: 'yes' }, [
    node('source', {}, [node('address', at)]),
  ])
}

function screen({ screen, screens }: MachineSpec): XmlNode[] {
  if (screen === 'none') return [node('video', {}, [node('model', { type: 'none' })])]
  const model = screen === 'virtio' ? { type: 'virtio', heads: screens } : { type: 'vga' }
  return [node('graphics', { type: 'vnc', autoport: 'yes' }), node('video', {}, [node('model', model)])]
}
