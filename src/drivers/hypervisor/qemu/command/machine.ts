/** The machine itself: what it is, what runs it, how it boots, and the walls QEMU builds around itself. */

import { limits } from '#model/limits.ts'
import type { Body } from '../../port.ts'
import { isEncrypted } from './image.ts'
import { memoryOfMachine } from './memory.ts'
import { device, isMicrovm, json, type Part, type Start } from './part.ts'

/**
 * Who it is. The folder stands in the arguments so that one can tell whose process it is. An ended or
 * panicked guest leaves its process standing, which says why. CPUs wait for `cont` (`-S`).
 */
export const identity = ({ id, folder, body }: Start): Part =>
  [
    ['-name', id],
    ['-uuid', id],
    ['-pidfile', `${folder}/qemu.pid`],
    ['-nodefaults', '-no-user-config'],
    ['-S', '-no-shutdown'],
    ['-action', `panic=pause,watchdog=${watchdogAction(body)}`],
  ].flat()

const watchdogAction = ({ spec }: Body) => (spec.shape.watchdog === 'none' ? 'reset' : spec.shape.watchdog)

export function machine(start: Start): Part {
  const { machineType, body, firmware } = start
  const own = memoryOfMachine(start)
  if (start.architecture === 'aarch64') return ['-machine', `${machineType},gic-version=max${own}`]
  if (isMicrovm(start)) return ['-machine', `${machineType},rtc=on${own}`]
  const flash = firmware === null ? '' : ',pflash0=firmware,pflash1=settings'
  // Only code in system management mode may write to the settings: what secure boot stands on.
  const guarded = body.spec.shape.isSecureBoot ? ',smm=on' : ''
  return ['-machine', `${machineType},vmport=off${guarded}${flash}${own}`]
}

export const accelerator = ({ accelerator }: Start): Part => [
  '-accel',
  accelerator === 'kvm' ? 'kvm' : `tcg,tb-size=${limits.tcgCacheMib}`,
]

/** How the processors are grouped: all in one socket, unless it is said otherwise. */
export function topologyOf({ spec }: Body) {
  const { cpusMax, sockets, threads } = spec.shape
  const most = Math.max(cpusMax ?? 0, spec.cpus)
  return { most, sockets: sockets ?? 1, cores: most / ((sockets ?? 1) * threads), threads }
}

export function cpu({ body, cpuModel }: Start): Part {
  const { most, sockets, cores, threads } = topologyOf(body)
  const groups = `sockets=${sockets},cores=${cores},threads=${threads}`
  return ['-cpu', cpuModel, '-smp', `cpus=${body.spec.cpus},maxcpus=${most},${groups}`]
}

/** Whether things are told over QMP before the machine is built: a kernel's command line, keys of disks. */
export const isToldFirst = ({ kernel, disks }: Body) => kernel !== null || disks.some(isEncrypted)

export const waiting = ({ body }: Start): Part => [
  ...(isToldFirst(body) ? ['-preconfig'] : []),
  ...(body.memoryFile === null ? [] : ['-incoming', 'defer']),
]

/**
 * A kernel that QEMU loads itself, or the firmware. The kernel's own command line is text from a person:
 * it is set over QMP before the machine is built (`-preconfig`), never here.
 */
export function kernel({ body, firmware, architecture }: Start): Part {
  if (body.kernel !== null) return ['-kernel', body.kernel.kernelFile, '-initrd', body.kernel.initrdFile]
  return firmware !== null && architecture === 'aarch64' ? ['-bios', firmware.code] : []
}

/** UEFI: its code for all guests, its settings (boot entries, keys) each guest's own. */
export function flash({ firmware, body, architecture }: Start): Part {
  if (firmware === null || architecture === 'aarch64') return []
  const file = (name: string, filename: string, isReadOnly: boolean) =>
    json({
      'node-name': name,
      driver: 'raw',
      'read-only': isReadOnly,
      file: { driver: 'file', filename, 'read-only': isReadOnly },
    })
  return [
    '-blockdev',
    file('firmware', firmware.code, true),
    '-blockdev',
    file('settings', firmware.settings ?? '', false),
    ...(body.spec.shape.isSecureBoot ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : []),
  ]
}

/** A number that changes when the guest is another than before: it then draws new randomness (vmgenid). */
export const generation = (start: Start): Part =>
  isMicrovm(start) || start.architecture === 'aarch64'
    ? []
    : device({ driver: 'vmgenid', id: 'generation', guid: start.body.generationId })

/**
 * What the guest can read below `opt/decant/` (qemu.org, docs/specs/fw_cfg): the word of its proof of life, and
 * its machine's name. Both lie in files of the run folder: a person's text stays out of the arguments.
 */
export const firmwareConfig = (): Part =>
  ['word', 'name'].flatMap((file) => ['-fw_cfg', `name=opt/decant/${file},file=${file}`])

/** Seccomp: no new programs, no new privileges (see `-sandbox` in qemu(1)). */
export const sandbox = (): Part => [
  '-sandbox',
  'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
]
