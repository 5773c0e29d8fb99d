/** CPUs, memory, firmware and life cycle of a libvirt domain. */

import { childrenOf, type XmlElement } from '#base/xml.ts'
import type { Taking } from './taking.ts'

type Fields = Readonly<Record<string, unknown>>

/** Units of libvirt's scaled integers, in bytes. */
const units: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  KB: 1e3,
  k: 1024,
  KiB: 1024,
  MB: 1e6,
  M: 2 ** 20,
  MiB: 2 ** 20,
  GB: 1e9,
  G: 2 ** 30,
  GiB: 2 ** 30,
  TB: 1e12,
  T: 2 ** 40,
  TiB: 2 ** 40,
}

export function mibOf(
  taking: Taking,
  element: XmlElement | undefined,
  said = taking.text(element),
): number | undefined {
  const amount = Number(said)
  const bytes = amount * (units[taking.attribute(element, 'unit') ?? 'KiB'] ?? 1024)
  return element === undefined || !Number.isFinite(bytes)
    ? undefined
    : Math.max(32, Math.ceil(bytes / 2 ** 20))
}

/** Attribute or text as a whole number. */
export const wholeOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined

export function memoryOf(taking: Taking, root: XmlElement): Fields {
  const memoryMib = mibOf(taking, taking.child(root, 'memory'))
  const current = mibOf(taking, taking.child(root, 'currentMemory'))
  const most = taking.child(root, 'maxMemory')
  const memoryMaxMib = mibOf(taking, most)
  taking.attribute(most, 'slots')
  const backing = taking.child(root, 'memoryBacking')
  const pages = taking.child(backing, 'hugepages')
  const sized = taking.child(pages, 'page')
  const page = mibOf(taking, sized, taking.attribute(sized, 'size'))
  for (const name of ['source', 'access', 'allocation'])
    for (const each of taking.children(backing, name))
      taking.leave(each, 'own', 'chosen as the devices need it')
  return {
    ...(memoryMib === undefined ? {} : { memoryMib }),
    ...(memoryMaxMib === undefined ? {} : { memoryMaxMib }),
    ...(current !== undefined && memoryMib !== undefined && current < memoryMib
      ? { balloonMib: current }
      : {}),
    ...(pages === undefined ? {} : { hugePages: page !== undefined && page >= 1024 ? '1GiB' : '2MiB' }),
  }
}

export function cpuOf(taking: Taking, root: XmlElement): Fields {
  const vcpu = taking.child(root, 'vcpu')
  const most = wholeOf(taking.text(vcpu))
  const current = wholeOf(taking.attribute(vcpu, 'current'))
  taking.leaveAttribute(vcpu, 'placement', 'own', 'CPUs are shared by weight')
  taking.leaveAttribute(vcpu, 'cpuset', 'lost', 'machines are not pinned to host CPUs')
  const cpu = taking.child(root, 'cpu')
  return {
    ...(most === undefined ? {} : { cpus: current ?? most }),
    ...(most !== undefined && current !== undefined && current < most ? { cpusMax: most } : {}),
    ...modelOf(taking, cpu),
    ...topologyOf(taking, cpu),
  }
}

function modelOf(taking: Taking, cpu: XmlElement | undefined): Fields {
  const mode = taking.attribute(cpu, 'mode') ?? 'custom'
  for (const name of ['check', 'match', 'migratable'])
    taking.leaveAttribute(cpu, name, 'own', 'QEMU checks what the host can do')
  const element = taking.child(cpu, 'model')
  const model = taking.text(element)
  taking.leaveAttribute(element, 'fallback', 'own', 'QEMU checks what the host can do')
  for (const cell of childrenOf(taking.child(cpu, 'numa'), 'cell'))
    taking.leave(cell, 'changed', 'divided evenly')
  const nodes = childrenOf(childrenOf(cpu, 'numa')[0], 'cell').length
  const numa = nodes > 1 ? { numaNodes: nodes } : {}
  return mode === 'custom' && model !== undefined && /^[\w.-]{1,64}$/.test(model)
    ? { cpuModel: model, ...numa }
    : numa
}

function topologyOf(taking: Taking, cpu: XmlElement | undefined): Fields {
  const topology = taking.child(cpu, 'topology')
  const sockets = wholeOf(taking.attribute(topology, 'sockets'))
  const threads = wholeOf(taking.attribute(topology, 'threads'))
  taking.attribute(topology, 'cores')
  const dies = wholeOf(taking.attribute(topology, 'dies'))
  if (dies !== undefined && dies > 1) taking.leaveAttribute(topology, 'dies', 'lost', 'a socket has one die')
  return {
    ...(sockets === undefined ? {} : { sockets }),
    ...(threads === undefined ? {} : { threads }),
  }
}

export function firmwareOf(taking: Taking, root: XmlElement): Fields {
  const os = taking.child(root, 'os')
  const type = taking.child(os, 'type')
  taking.text(type)
  machineTypeOf(taking, type)
  const loader = taking.child(os, 'loader')
  const path = taking.text(loader) ?? ''
  const isSecure = taking.attribute(loader, 'secure') === 'yes'
  const isPflash = taking.attribute(loader, 'type') === 'pflash'
  taking.attribute(loader, 'readonly')
  const isUefi = taking.attribute(os, 'firmware') === 'efi' || isPflash || /OVMF|AAVMF|efi/i.test(path)
  for (const nvram of taking.children(os, 'nvram'))
    taking.leave(nvram, 'lost', 'UEFI settings begin anew; boot entries are found again')
  const hasTpm = taking.children(taking.child(root, 'devices'), 'tpm').length > 0
  return {
    ...(isUefi ? { firmware: 'uefi' } : {}),
    ...(isSecure || namesSecureBoot(taking, os) ? { firmware: 'uefi', isSecureBoot: true } : {}),
    ...(hasTpm ? { hasTpm: true } : {}),
  }
}

/** `<firmware><feature enabled='yes' name='secure-boot'/></firmware>` */
function namesSecureBoot(taking: Taking, os: XmlElement | undefined): boolean {
  const features = taking.children(taking.child(os, 'firmware'), 'feature')
  const said = features.map((feature) => [
    taking.attribute(feature, 'name'),
    taking.attribute(feature, 'enabled'),
  ])
  return said.some(([name, enabled]) => name === 'secure-boot' && enabled === 'yes')
}

function machineTypeOf(taking: Taking, type: XmlElement | undefined) {
  const machine = taking.attribute(type, 'machine') ?? ''
  taking.leaveAttribute(type, 'arch', 'own', 'the architecture is that of the image')
  if (machine !== '' && !machine.includes('q35') && !machine.includes('microvm'))
    taking.leaveAttribute(
      type,
      'machine',
      'changed',
      'it becomes a q35: old systems may look for drivers once',
    )
  else taking.leaveAttribute(type, 'machine', 'own', 'the newest version is noted at the first boot and kept')
}

export function bootOrderOf(taking: Taking, root: XmlElement): string[] {
  const names: Readonly<Record<string, string>> = { hd: 'disk', cdrom: 'cdrom', network: 'network' }
  const os = taking.child(root, 'os')
  const order = taking.children(os, 'boot').flatMap((boot) => {
    const device = names[taking.attribute(boot, 'dev') ?? '']
    if (device === undefined) taking.leave(boot, 'lost', 'there is no such device')
    return device === undefined ? [] : [device]
  })
  return [...new Set(order)]
}

export function restartOf(taking: Taking, root: XmlElement): Fields {
  const onPoweroff = taking.text(taking.child(root, 'on_poweroff'))
  const onCrash = taking.text(taking.child(root, 'on_crash'))
  const onReboot = taking.child(root, 'on_reboot')
  if (taking.text(onReboot) === 'destroy') taking.leave(onReboot, 'lost', 'a reboot of the guest is a reboot')
  if (onPoweroff === 'restart') return { restart: 'always' }
  if (onCrash === 'destroy' || onCrash === 'preserve') return { restart: 'never' }
  return onCrash === undefined ? {} : { restart: 'on-failure' }
}
